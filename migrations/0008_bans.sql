-- Bans: the tokens of a banned player are refused; a settlement locks the players that it pays, so that no claim of
-- theirs is recorded after the ban. Both bans and their ends are in the log of the operator.
alter table players
  add column banned_at timestamptz,
  add column ban_reason text check (char_length(ban_reason) between 1 and 200),
  add constraint players_ban_has_reason check ((banned_at is null) = (ban_reason is null));

grant update (banned_at, ban_reason) on players to hexbao_game;

alter table operator_actions
  drop constraint operator_actions_action_check,
  add constraint operator_actions_action_check
    check (action in ('set_cap', 'freeze', 'unfreeze', 'replay', 'ban', 'lift_ban'));
