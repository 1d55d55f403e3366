-- Envelopes that are claimed with a code shown at the place, and players' reports of places that cannot be reached.

alter table campaigns add column presence text not null default 'gps' check (presence in ('gps', 'code'));
alter table envelopes
  add column presence text not null default 'gps' check (presence in ('gps', 'code')),
  -- Different voices that reported it, where accounts that share a device are one; a counter, so that neither hints nor
  -- the hider's list count rows.
  add column reports int not null default 0 check (reports >= 0),
  -- A code is a campaign's.
  add constraint envelopes_presence check (presence = 'gps' or campaign_id is not null);

-- What the codes of a campaign are made from, sealed. A new secret counts from `changes_at` on, the former one until
-- then: servers remember for some seconds what they read.
create table campaign_codes (
  campaign_id uuid primary key references campaigns,
  secret text not null,
  former_secret text,
  changes_at timestamptz not null
);

-- What a till may do: show codes.
alter table api_keys
  drop constraint api_keys_scopes_check,
  add constraint api_keys_scopes_check check (cardinality(scopes) > 0
    and scopes <@ array['read', 'campaigns', 'finance', 'admin', 'till']);

create table envelope_reports (
  id uuid primary key,
  envelope_id uuid not null references envelopes,
  player_id uuid not null references players,
  device_id text,
  reason text not null check (reason in ('unreachable', 'private', 'dangerous', 'gone')),
  created_at timestamptz not null,
  unique (envelope_id, player_id)
);
create index envelope_reports_by_age on envelope_reports (created_at desc, id desc);
create index envelope_reports_by_player on envelope_reports (player_id, created_at desc);
create trigger envelope_reports_append_only before update or delete or truncate on envelope_reports
  for each statement execute function refuse_change();

alter table operator_actions
  drop constraint operator_actions_action_check,
  add constraint operator_actions_action_check check (action in
    ('set_cap', 'freeze', 'unfreeze', 'replay', 'ban', 'lift_ban', 'uphold_appeal', 'reject_appeal',
      'cancel_request', 'split_request', 'exclude', 'lift_exclusion', 'read_chat', 'close_reported')),
  drop constraint operator_actions_actor_check,
  add constraint operator_actions_actor_check check (actor in ('operator', 'cap', 'reports'));

grant select, insert, update (secret, former_secret, changes_at) on campaign_codes to hexbao_game;
grant select, insert on envelope_reports to hexbao_game;
grant update (presence) on campaigns to hexbao_game;
grant update (reports) on envelopes to hexbao_game;
