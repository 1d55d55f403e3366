-- Coupons: uploaded into pools by a merchant, put into envelopes by drops, given to players, redeemed at the till.

create table coupon_pools (
  id uuid primary key,
  merchant_id uuid not null references merchants,
  name text not null check (char_length(name) between 1 and 80),
  -- What a player gets for one of them, and under which terms.
  title text not null check (char_length(title) between 1 and 80),
  terms text check (char_length(terms) between 1 and 500),
  expires_at timestamptz not null,
  uploaded int not null default 0 check (uploaded between 0 and 200000),
  -- Coupons that no drop has asked for. Like a balance: a drop takes what it will need at once, however many.
  free int not null default 0,
  created_at timestamptz not null,
  voided_at timestamptz,
  constraint coupon_pools_free check (free between 0 and uploaded)
);
create index coupon_pools_by_merchant on coupon_pools (merchant_id, created_at desc, id desc);

create table coupons (
  id uuid primary key,
  pool_id uuid not null references coupon_pools,
  merchant_id uuid not null references merchants,
  -- What it says, by AES-256-GCM under the key of that name. The digests find it without a key that opens it.
  key_id text not null,
  sealed bytea not null,
  payload_mac bytea not null check (octet_length(payload_mac) = 32),
  code_mac bytea not null check (octet_length(code_mac) = 32),
  state text not null default 'pooled',
  envelope_id uuid references envelopes deferrable initially deferred,
  share_no int,
  player_id uuid references players,
  given_at timestamptz,
  redeemed_at timestamptz,
  voided_at timestamptz,
  created_at timestamptz not null,
  constraint coupons_one_payload unique (merchant_id, payload_mac),
  constraint coupons_one_code unique (merchant_id, code_mac),
  constraint coupons_one_share unique (envelope_id, share_no),
  constraint coupons_one_winner unique (id, player_id),
  constraint coupons_in_envelope check (num_nonnulls(envelope_id, share_no) = case state
    when 'pooled' then 0 when 'void' then num_nonnulls(player_id) * 2 else 2 end),
  constraint coupons_given check (num_nonnulls(player_id, given_at) = case state
    when 'pooled' then 0 when 'placed' then 0 when 'void' then num_nonnulls(player_id) * 2 else 2 end),
  constraint coupons_redeemed check ((redeemed_at is not null) = (state = 'redeemed')),
  constraint coupons_void check ((voided_at is not null) = (state = 'void'))
);
create index coupons_pooled on coupons (pool_id, id) where state = 'pooled';
create index coupons_by_state on coupons (pool_id, state);
create index coupons_by_age on coupons (pool_id, created_at desc, id desc);
create index coupons_by_player on coupons (player_id, given_at desc, id desc) where player_id is not null;

-- The states as one table; the code has the same one and a test compares them.
create table coupon_transitions (
  from_state text not null,
  to_state text not null,
  primary key (from_state, to_state)
);
insert into coupon_transitions values
  ('pooled', 'placed'), ('pooled', 'void'),
  ('placed', 'given'), ('placed', 'pooled'),
  ('given', 'redeemed'), ('given', 'void');

create function guard_coupon() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  if new.state is distinct from old.state and not exists (
    select from coupon_transitions where from_state = old.state and to_state = new.state
  ) then
    raise exception 'coupon %: % -> % is not a transition', new.id, old.state, new.state
      using errcode = 'check_violation';
  end if;
  if old.player_id is not null and (new.player_id, new.envelope_id, new.share_no, new.given_at)
    is distinct from (old.player_id, old.envelope_id, old.share_no, old.given_at) then
    raise exception 'coupon %: it stays with who won it', new.id using errcode = 'check_violation';
  end if;
  return new;
end $$;
create trigger coupons_guard before update on coupons for each row execute function guard_coupon();

-- What a till was answered: one for each coupon, for ever.
create table coupon_redemptions (
  coupon_id uuid primary key references coupons,
  merchant_id uuid not null references merchants,
  till text not null check (char_length(till) between 1 and 64),
  idempotency_key text not null,
  redeemed_at timestamptz not null,
  constraint coupon_redemptions_one_key unique (merchant_id, till, idempotency_key)
);
create trigger coupon_redemptions_append_only before update or delete or truncate on coupon_redemptions
  for each statement execute function refuse_change();

-- A share is worth an amount or a coupon, and so is a claim. The deferred key says that a coupon which was won is bound
-- to its winner by the same commit, and stays so.
alter table envelope_shares
  alter column amount drop not null,
  add column coupon_id uuid references coupons,
  add constraint envelope_shares_worth check (num_nonnulls(amount, coupon_id) = 1);
alter table claims
  alter column amount drop not null,
  add column coupon_id uuid,
  add constraint claims_worth check (num_nonnulls(amount, coupon_id) = 1),
  add constraint claims_coupon_is_bound foreign key (coupon_id, player_id) references coupons (id, player_id)
    deferrable initially deferred;
create unique index claims_one_per_coupon on claims (coupon_id) where coupon_id is not null;

-- An envelope without money holds coupons; only drops make any. Its currency is the code that ISO 4217 has
-- for none.
do $$
declare
  old_check text;
begin
  select conname into strict old_check from pg_constraint
  where conrelid = 'envelopes'::regclass and contype = 'c' and pg_get_constraintdef(oid) like '%share_count <= total%';
  execute format('alter table envelopes drop constraint %I', old_check);
end $$;
alter table envelopes
  drop constraint envelopes_total_check,
  add constraint envelopes_total_check check (total between 0 and 9999999999999),
  add constraint envelopes_share_count check (share_count between 1 and 10000 and (total = 0 or share_count <= total)),
  add constraint envelopes_coupons check (total > 0 or (drop_id is not null and currency = 'XXX'));

alter table campaigns
  add column coupon_pool_id uuid references coupon_pools,
  drop constraint campaigns_budget_check,
  add constraint campaigns_budget_check check (budget between 0 and 9999999999999),
  add constraint campaigns_content check (state is null or (budget = 0) = (coupon_pool_id is not null));
alter table drops
  drop constraint drops_cost_check,
  add constraint drops_cost_check check (cost between 0 and 9999999999999);

grant select on coupon_transitions to hexbao_game;
grant select, insert, update (uploaded, free, voided_at) on coupon_pools to hexbao_game;
grant select, insert, update (state, envelope_id, share_no, player_id, given_at, redeemed_at, voided_at)
  on coupons to hexbao_game;
grant select, insert on coupon_redemptions to hexbao_game;
grant update (coupon_pool_id) on campaigns to hexbao_game;
