-- What stops payouts: budgets with their caps and freezes, campaigns as far as a budget needs them, and the log of what
-- the operator did.

-- An envelope that was frozen before it opened waits for its opening again; one whose last share is restored while it
-- is frozen is empty.
insert into envelope_transitions values ('frozen', 'funded'), ('frozen', 'empty');

-- A merchant names a campaign by using its id first; from then on it is theirs.
create table campaigns (
  id uuid primary key,
  merchant_id uuid not null references merchants,
  created_at timestamptz not null
);
alter table envelopes
  add column campaign_id uuid references campaigns,
  add constraint envelopes_campaign check (campaign_id is null or hider_kind = 'merchant');

-- One row for the platform, a merchant or a campaign, in one currency or in all: it is frozen or open, and in one
-- currency it may have caps. No row means open and without caps, so that most envelopes have nothing to look at here.
create table budgets (
  id uuid primary key,
  kind text not null check (kind in ('platform', 'merchant', 'campaign')),
  owner_id uuid,
  currency text check (currency ~ '^[A-Z]{3}$'),
  name text not null unique generated always as (
    kind || coalesce(':' || owner_id::text, '') || coalesce(':' || currency, '')
  ) stored,
  state text not null check (state in ('open', 'frozen')),
  -- Why and when it got this state.
  reason text,
  since timestamptz not null,
  total_cap bigint check (total_cap >= 0),
  hour_cap bigint check (hour_cap >= 0),
  -- What was paid out since `counted_since`, when the first cap was set, and in the hour that began at `hour_at`.
  counted_since timestamptz,
  used_total bigint not null default 0 check (used_total >= 0),
  used_hour bigint not null default 0 check (used_hour >= 0),
  hour_at timestamptz,
  created_at timestamptz not null,
  constraint budgets_owned check ((kind = 'platform') = (owner_id is null)),
  constraint budgets_capped check (currency is not null or (total_cap is null and hour_cap is null)),
  constraint budgets_counted check (counted_since is not null or (total_cap is null and hour_cap is null))
);
create index budgets_frozen on budgets (name) where state = 'frozen';
create index budgets_by_age on budgets (created_at desc, id desc);

-- Written in the transaction of what it tells; `cap` is what acts when a cap is reached.
create table operator_actions (
  id uuid primary key,
  actor text not null check (actor in ('operator', 'cap')),
  action text not null check (action in ('set_cap', 'freeze', 'unfreeze', 'replay')),
  target jsonb not null,
  reason text not null,
  before jsonb,
  after jsonb,
  created_at timestamptz not null
);
create index operator_actions_by_age on operator_actions (created_at desc, id desc);
create trigger operator_actions_append_only before update or delete or truncate on operator_actions
  for each statement execute function refuse_change();

-- A name for the operator; an entry may be looked at by the sweepers of several Redis.
alter table dead_letters add column id uuid not null unique default gen_random_uuid();
create index dead_letters_by_age on dead_letters (updated_at desc, id desc);

grant select, insert on campaigns, operator_actions to hexbao_game;
grant select, insert, update (state, reason, since, total_cap, hour_cap, counted_since, used_total, used_hour, hour_at)
  on budgets to hexbao_game;
