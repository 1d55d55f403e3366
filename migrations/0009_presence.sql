-- On which devices a player plays, the strikes that a player gets, and what the player says to them.

-- Device ids are hashes of what a token or a client names.
create table player_devices (
  player_id uuid not null references players,
  device_id uuid not null,
  first_used_at timestamptz not null,
  primary key (player_id, device_id)
);
create index player_devices_by_device on player_devices (device_id, first_used_at);

create table player_strikes (
  id uuid primary key,
  player_id uuid not null references players,
  reason text not null check (reason in ('teleport', 'fake_walk')),
  -- What was measured; never a place.
  figures jsonb not null,
  given_at timestamptz not null,
  expires_at timestamptz not null check (expires_at > given_at),
  lifted_at timestamptz
);
create index player_strikes_of_player on player_strikes (player_id, given_at desc);

create table appeals (
  id uuid primary key,
  player_id uuid not null references players,
  text text not null check (char_length(text) between 1 and 1000),
  state text not null check (state in ('open', 'upheld', 'rejected')),
  reason text check (char_length(reason) between 1 and 500),
  created_at timestamptz not null,
  ended_at timestamptz,
  constraint appeals_end check ((state = 'open') = (ended_at is null) and (state = 'open') = (reason is null))
);
create unique index appeals_one_open on appeals (player_id) where state = 'open';
create index appeals_of_player on appeals (player_id, created_at desc);
create index appeals_by_age on appeals (state, created_at desc, id desc);

grant select, insert on player_devices, player_strikes, appeals to hexbao_game;
grant update (lifted_at) on player_strikes to hexbao_game;
grant update (state, reason, ended_at) on appeals to hexbao_game;

alter table operator_actions
  drop constraint operator_actions_action_check,
  add constraint operator_actions_action_check
    check (action in ('set_cap', 'freeze', 'unfreeze', 'replay', 'ban', 'lift_ban', 'uphold_appeal', 'reject_appeal'));
