-- Payouts: money on its way out. It leaves the wallet at once, stands in an account of the payout, and ends outside or
-- back in the wallet; the money moves exactly as the state says, or the transaction fails.

alter table accounts drop constraint accounts_kind_check;
alter table accounts add constraint accounts_kind_check check (kind in ('external', 'wallet', 'escrow', 'payout'));

create table payouts (
  id uuid primary key,
  owner_kind text not null check (owner_kind in ('player', 'merchant')),
  owner_id uuid not null,
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  amount bigint not null check (amount between 1 and 9999999999999),
  destination text check (char_length(destination) between 1 and 200),
  state text not null,
  -- Why it failed; and what the provider or the bank calls it.
  reason text check (char_length(reason) between 1 and 200),
  reference text check (char_length(reference) between 1 and 120),
  created_at timestamptz not null,
  ended_at timestamptz,
  -- Handing over to a provider: tries so far, and when the next one is due; null: it waits for somebody.
  tries int not null default 0 check (tries >= 0),
  next_try_at timestamptz,
  constraint payouts_end check ((ended_at is not null) = (state in ('paid', 'failed'))),
  constraint payouts_reason check ((reason is not null) = (state = 'failed')),
  constraint payouts_try check (next_try_at is null or state = 'reserved')
);
create index payouts_by_owner on payouts (owner_id, created_at desc, id desc);
create index payouts_by_state on payouts (state, created_at desc, id desc);
create index payouts_by_try on payouts (next_try_at, id) where next_try_at is not null;

-- The states as one table; the code has the same one and a test compares them.
create table payout_transitions (
  from_state text not null,
  to_state text not null,
  primary key (from_state, to_state)
);
insert into payout_transitions values
  ('reserved', 'submitted'), ('reserved', 'paid'), ('reserved', 'failed'),
  ('submitted', 'paid'), ('submitted', 'failed');

create function guard_payout() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  if tg_op = 'INSERT' then
    if new.state <> 'reserved' then
      raise exception 'payout %: begins as reserved, not as %', new.id, new.state using errcode = 'check_violation';
    end if;
  elsif new.state is distinct from old.state and not exists (
    select from payout_transitions where from_state = old.state and to_state = new.state
  ) then
    raise exception 'payout %: % -> % is not a transition', new.id, old.state, new.state
      using errcode = 'check_violation';
  end if;
  return new;
end $$;
create trigger payouts_guard before insert or update on payouts for each row execute function guard_payout();

alter table transfers add column payout_id uuid references payouts;
alter table transfers drop constraint transfers_kind_check;
alter table transfers add constraint transfers_kind_check check (kind in
  ('test_money', 'deposit', 'escrow', 'claim', 'refund', 'payout', 'payout_paid', 'payout_returned'));
alter table transfers add constraint transfers_payout
  check ((payout_id is not null) = (kind in ('payout', 'payout_paid', 'payout_returned')));
-- A payout is reserved once, and ends once: paid or returned.
create unique index transfers_one_payout on transfers (payout_id) where kind = 'payout';
create unique index transfers_one_payout_end on transfers (payout_id) where kind in ('payout_paid', 'payout_returned');

-- At the end of the transaction a payout's transfers are those of its state, each of its amount.
create function check_payout_money() returns trigger language plpgsql set search_path = public, pg_temp as $$
declare
  due text[] := case new.state when 'paid' then array['payout', 'payout_paid']
    when 'failed' then array['payout', 'payout_returned'] else array['payout'] end;
  moved text[];
begin
  select array_agg(kind order by kind) into moved from transfers
    where payout_id = new.id and amount = new.amount and currency = new.currency;
  if moved is distinct from due then
    raise exception 'payout %: is % with the transfers %', new.id, new.state, moved using errcode = 'check_violation';
  end if;
  return null;
end $$;
create constraint trigger payouts_money after insert or update of state on payouts deferrable initially deferred
  for each row execute function check_payout_money();

grant select, insert, update (state, reason, reference, ended_at, tries, next_try_at) on payouts to hexbao_game;
grant select on payout_transitions to hexbao_game;
