-- Envelopes and their shares. The point is the record; cells are derived from the res-12 cell by bit arithmetic (an H3
-- parent keeps the leading digits and fills the rest with 7), so they can never disagree with it.

create function cell_parent(cell bigint, resolution int) returns bigint language sql immutable parallel safe
  return (cell & ~(15::bigint << 52)) | (resolution::bigint << 52) | ((1::bigint << (3 * (15 - resolution))) - 1);

create table envelopes (
  id uuid primary key,
  hider_kind text not null check (hider_kind in ('player', 'merchant')),
  hider_id uuid not null,
  place geography(Point, 4326) not null,
  cell_r12 bigint not null,
  cell_r10 bigint not null generated always as (cell_parent(cell_r12, 10)) stored,
  cell_r9 bigint not null generated always as (cell_parent(cell_r12, 9)) stored,
  cell_r7 bigint not null generated always as (cell_parent(cell_r12, 7)) stored,
  claim_radius_m smallint not null check (claim_radius_m between 40 and 120),
  currency text not null,
  total bigint not null check (total between 1 and 9999999999999),
  share_count int not null check (share_count between 1 and 10000 and share_count <= total),
  split text not null check (split in ('equal', 'lucky')),
  share_cap bigint check (share_cap > 0),
  seed bytea not null check (octet_length(seed) = 32),
  commitment bytea not null check (octet_length(commitment) = 32),
  audience text not null check (audience in ('anyone', 'players', 'passphrase')),
  passphrase_mac bytea check (octet_length(passphrase_mac) = 32),
  greeting text,
  clue text,
  brand text,
  -- Gate fields: state, opens_at and expires_at change only together with epoch + 1.
  state text not null,
  epoch bigint not null default 1 check (epoch > 0),
  opens_at timestamptz not null,
  expires_at timestamptz not null,
  created_at timestamptz not null,
  ended_at timestamptz,
  claimed_shares int not null default 0 check (claimed_shares between 0 and share_count),
  claimed_amount bigint not null default 0 check (claimed_amount between 0 and total),
  constraint envelopes_window check (opens_at < expires_at),
  constraint envelopes_passphrase check ((audience = 'passphrase') = (passphrase_mac is not null)),
  constraint envelopes_end check ((ended_at is not null) = (state in ('empty', 'expired', 'closed'))),
  constraint envelopes_empty check ((state = 'empty') = (claimed_shares = share_count))
);
create index envelopes_live_by_cell on envelopes (cell_r7) where state = 'live';
create index envelopes_live_by_hint_cell on envelopes (cell_r9, cell_r10)
  where state in ('funded', 'live') and hider_kind = 'player';
create index envelopes_live_by_id on envelopes (id) where state = 'live';
create index envelopes_by_opening on envelopes (opens_at, id) where state = 'funded';
create index envelopes_by_expiry on envelopes (expires_at, id) where state in ('funded', 'live');
create index envelopes_by_hider on envelopes (hider_id, created_at desc, id desc);

create table envelope_guests (
  envelope_id uuid not null references envelopes,
  player_id uuid not null references players,
  primary key (envelope_id, player_id)
);

-- Split when the envelope is funded, never changed, never added to. A coupon's share will name the coupon instead.
create table envelope_shares (
  envelope_id uuid not null references envelopes,
  share_no int not null check (share_no >= 1),
  amount bigint not null check (amount >= 1),
  primary key (envelope_id, share_no)
);
create trigger envelope_shares_append_only before update or delete or truncate on envelope_shares
  for each statement execute function refuse_change();

-- The states as one table; the code has the same one and a test compares them.
create table envelope_transitions (
  from_state text not null,
  to_state text not null,
  primary key (from_state, to_state)
);
insert into envelope_transitions values
  ('draft', 'funded'), ('draft', 'live'), ('draft', 'closed'),
  ('funded', 'live'), ('funded', 'expired'), ('funded', 'closed'), ('funded', 'frozen'),
  ('live', 'empty'), ('live', 'expired'), ('live', 'closed'), ('live', 'frozen'),
  ('frozen', 'live'), ('frozen', 'expired'), ('frozen', 'closed');

create function guard_envelope() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  if new.state is distinct from old.state and not exists (
    select from envelope_transitions where from_state = old.state and to_state = new.state
  ) then
    raise exception 'envelope %: % -> % is not a transition', new.id, old.state, new.state
      using errcode = 'check_violation';
  end if;
  if new.epoch < old.epoch then
    raise exception 'envelope %: the epoch only grows', new.id using errcode = 'check_violation';
  end if;
  if (new.state, new.opens_at, new.expires_at) is distinct from (old.state, old.opens_at, old.expires_at)
     and new.epoch <= old.epoch then
    raise exception 'envelope %: gate fields change only with the epoch', new.id using errcode = 'check_violation';
  end if;
  return new;
end $$;
create trigger envelopes_guard before update on envelopes for each row execute function guard_envelope();

-- A visible envelope has all its shares, and they add up to its total.
create function check_shares() returns trigger language plpgsql set search_path = public, pg_temp as $$
declare
  n bigint;
  sum_amount numeric;
begin
  select count(*), coalesce(sum(amount), 0) into n, sum_amount from envelope_shares where envelope_id = new.id;
  if n <> new.share_count or sum_amount <> new.total then
    raise exception 'envelope %: % shares of % in sum, expected % of %',
      new.id, n, sum_amount, new.share_count, new.total
      using errcode = 'check_violation';
  end if;
  return null;
end $$;
create constraint trigger envelopes_shares_on_insert after insert on envelopes deferrable initially deferred
  for each row when (new.state <> 'draft') execute function check_shares();
create constraint trigger envelopes_shares_on_funding after update on envelopes deferrable initially deferred
  for each row when (old.state = 'draft' and new.state <> 'draft') execute function check_shares();

grant select, insert on envelope_guests, envelope_shares to hexbao_game;
grant select on envelope_transitions to hexbao_game;
grant select, insert, update (state, epoch, opens_at, expires_at, ended_at, claimed_shares, claimed_amount)
  on envelopes to hexbao_game;
