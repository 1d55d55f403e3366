-- Campaigns as a merchant plans them, the drops that bring their envelopes, and where nobody may hide.

-- A campaign that was only ever an id keeps being one: it has no plan, and envelopes may still carry it.
alter table campaigns
  add column name text check (char_length(name) between 1 and 80),
  add column state text,
  add column version int not null default 1 check (version > 0),
  add column area geography,
  add column currency text check (currency ~ '^[A-Z]{3}$'),
  add column budget bigint check (budget between 1 and 9999999999999),
  add column wins_per_player int check (wins_per_player between 1 and 10000),
  add column starts_at timestamptz,
  add column ends_at timestamptz,
  add column time_zone text,
  add column windows jsonb,
  add column greeting text,
  add column clue text,
  add column brand text,
  -- Paused, or outside of its windows: read by every settlement, so that one row stops 50,000 envelopes.
  add column is_stopped boolean not null default false,
  add column ended_at timestamptz,
  -- All its envelopes have ended and what came back has gone home.
  add column settled_at timestamptz,
  add constraint campaigns_planned check (state is null or num_nulls(
    name, area, currency, budget, starts_at, ends_at, time_zone, windows) = 0),
  add constraint campaigns_schedule check (starts_at < ends_at),
  add constraint campaigns_end check ((ended_at is not null) = (state is not distinct from 'ended')),
  add constraint campaigns_settled check (settled_at is null or ended_at is not null);
create index campaigns_by_merchant on campaigns (merchant_id, created_at desc, id desc) where state is not null;
create index campaigns_in_play on campaigns (id) where state in ('scheduled', 'live', 'paused');
create index campaigns_unsettled on campaigns (id) where state = 'ended' and settled_at is null;
create index campaigns_stopped on campaigns (id) where is_stopped;

-- The states as one table; the code has the same one and a test compares them.
create table campaign_transitions (
  from_state text not null,
  to_state text not null,
  primary key (from_state, to_state)
);
insert into campaign_transitions values
  ('draft', 'scheduled'), ('draft', 'ended'),
  ('scheduled', 'live'), ('scheduled', 'ended'),
  ('live', 'paused'), ('live', 'ended'),
  ('paused', 'live'), ('paused', 'ended');

create function guard_campaign() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  if new.state is distinct from old.state and not exists (
    select from campaign_transitions where from_state = old.state and to_state = new.state
  ) then
    raise exception 'campaign %: % -> % is not a transition', new.id, old.state, new.state
      using errcode = 'check_violation';
  end if;
  return new;
end $$;
create trigger campaigns_guard before update on campaigns for each row execute function guard_campaign();

-- One drop is one batch of envelopes on the same terms. Its places are decided and its cost is in an account of its own
-- before the first envelope is made; `placed` says how many are, and a server that comes later goes on from there. It
-- is decided by its state alone: 'live', and all its envelopes open; 'undone', and all of them close unseen.
create table drops (
  id uuid primary key,
  campaign_id uuid not null references campaigns,
  state text not null check (state in ('filling', 'live', 'undoing', 'undone')),
  terms jsonb not null,
  lngs double precision[] not null,
  lats double precision[] not null,
  envelopes int not null check (envelopes between 1 and 50000),
  placed int not null default 0 check (placed between 0 and envelopes),
  cost bigint not null check (cost between 1 and 9999999999999),
  fault text,
  is_opened boolean not null default false,
  created_at timestamptz not null,
  ended_at timestamptz,
  constraint drops_places check (cardinality(lngs) = envelopes and cardinality(lats) = envelopes),
  constraint drops_live check (state <> 'live' or placed = envelopes),
  constraint drops_opened check (not is_opened or state = 'live')
);
create index drops_by_campaign on drops (campaign_id, created_at desc, id desc);
create index drops_under_way on drops (created_at, id) where state in ('filling', 'undoing');
create index drops_to_open on drops (created_at, id) where state = 'live' and not is_opened;

alter table envelopes
  add column drop_id uuid references drops,
  add constraint envelopes_drop check (drop_id is null or campaign_id is not null);
create index envelopes_by_drop on envelopes (drop_id, id)
  where drop_id is not null and state in ('funded', 'live', 'frozen');
create index envelopes_by_campaign on envelopes (campaign_id, created_at desc, id desc) where campaign_id is not null;
-- What is still to open by its time alone; a drop opens by its state.
drop index envelopes_by_opening;
create index envelopes_by_opening on envelopes (opens_at, id) where state = 'funded' and drop_id is null;

-- Wins of one player in a campaign that limits them: locked and counted by the settlement that pays.
create table campaign_players (
  campaign_id uuid not null references campaigns,
  player_id uuid not null references players,
  wins int not null check (wins >= 0),
  primary key (campaign_id, player_id)
);

-- Where nobody hides: homes, schools, rail, military.
create table exclusion_areas (
  id uuid primary key,
  name text not null check (char_length(name) between 1 and 80),
  area geography not null,
  created_at timestamptz not null,
  removed_at timestamptz
);
create index exclusion_areas_by_place on exclusion_areas using gist (area) where removed_at is null;
create index exclusion_areas_by_age on exclusion_areas (created_at desc, id desc) where removed_at is null;

-- A campaign's money: budget from the wallet, cost to the drop, from there to each escrow, and all the way back.
alter table accounts drop constraint accounts_kind_check;
alter table accounts add constraint accounts_kind_check
  check (kind in ('external', 'wallet', 'escrow', 'payout', 'campaign', 'drop'));
alter table transfers drop constraint transfers_kind_check;
alter table transfers add constraint transfers_kind_check check (kind in
  ('test_money', 'deposit', 'escrow', 'claim', 'refund', 'payout', 'payout_paid', 'payout_returned',
    'request_escrow', 'request_top_up', 'request_pay', 'request_refund',
    'campaign_funding', 'campaign_refund', 'drop', 'drop_returned'));

alter table operator_actions
  drop constraint operator_actions_action_check,
  add constraint operator_actions_action_check check (action in
    ('set_cap', 'freeze', 'unfreeze', 'replay', 'ban', 'lift_ban', 'uphold_appeal', 'reject_appeal',
      'cancel_request', 'split_request', 'exclude', 'lift_exclusion'));

grant select on campaign_transitions to hexbao_game;
grant update (name, state, version, area, currency, budget, wins_per_player, starts_at, ends_at, time_zone, windows,
  greeting, clue, brand, is_stopped, ended_at, settled_at) on campaigns to hexbao_game;
grant select, insert, update (state, placed, fault, is_opened, ended_at) on drops to hexbao_game;
grant select, insert, update (wins) on campaign_players to hexbao_game;
grant select, insert, update (removed_at) on exclusion_areas to hexbao_game;
