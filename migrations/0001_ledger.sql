-- The ledger: double entry by construction. One transfer is one debit and one credit; the trigger below is the only
-- thing that moves a balance, so no code path can insert a transfer and forget an account, or the other way round.

create extension if not exists postgis;

-- The server connects as the owner and takes this role on every pooled connection: it can read and add, but never
-- rewrite money.
do $$
begin
  create role hexbao_game nologin;
exception when duplicate_object or unique_violation then null;
end $$;
do $$ begin execute format('grant hexbao_game to %I', current_user); end $$;
grant usage on schema public to hexbao_game;

create table accounts (
  id uuid primary key,
  kind text not null check (kind in ('external', 'wallet', 'escrow')),
  owner_id uuid,
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  credits bigint not null default 0 check (credits >= 0),
  debits bigint not null default 0 check (debits >= 0),
  constraint accounts_never_negative check (kind = 'external' or credits >= debits),
  constraint accounts_owned check ((kind = 'external') = (owner_id is null)),
  unique nulls not distinct (kind, owner_id, currency),
  unique (id, currency)
);

create table transfers (
  id uuid primary key,
  kind text not null check (kind in ('test_money', 'deposit', 'escrow', 'claim', 'refund')),
  debit_account uuid not null,
  credit_account uuid not null,
  currency text not null,
  amount bigint not null check (amount between 1 and 9999999999999),
  envelope_id uuid,
  reference text,
  created_at timestamptz not null,
  constraint transfers_two_accounts check (debit_account <> credit_account),
  constraint transfers_envelope check ((envelope_id is not null) = (kind in ('escrow', 'claim', 'refund'))),
  constraint transfers_reference check ((reference is not null) = (kind = 'deposit')),
  -- Both accounts hold the transfer's currency.
  foreign key (debit_account, currency) references accounts (id, currency),
  foreign key (credit_account, currency) references accounts (id, currency)
);
create index transfers_by_debit on transfers (debit_account, created_at desc, id desc);
create index transfers_by_credit on transfers (credit_account, created_at desc, id desc);
create index transfers_by_envelope on transfers (envelope_id) where envelope_id is not null;
-- An envelope is funded once and refunded once; a bank reference is booked once.
create unique index transfers_one_escrow on transfers (envelope_id) where kind = 'escrow';
create unique index transfers_one_refund on transfers (envelope_id) where kind = 'refund';
create unique index transfers_one_reference on transfers (reference) where kind = 'deposit';

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end $$;

create trigger transfers_append_only before update or delete or truncate on transfers
  for each statement execute function refuse_change();

-- Locks in id order, in a statement of its own, so that two batches that share accounts never deadlock.
create function post_transfers() returns trigger language plpgsql
security definer set search_path = public, pg_temp as $$
begin
  perform 1 from accounts
    where id in (select debit_account from posted union select credit_account from posted)
    order by id for no key update;
  update accounts set credits = credits + moved.credit, debits = debits + moved.debit
  from (
    select id, sum(credit)::bigint as credit, sum(debit)::bigint as debit from (
      select debit_account as id, 0 as credit, amount as debit from posted
      union all
      select credit_account, amount, 0 from posted
    ) sides group by id
  ) moved
  where accounts.id = moved.id;
  return null;
end $$;

create trigger transfers_post after insert on transfers
  referencing new table as posted for each statement execute function post_transfers();

grant select, insert (id, kind, owner_id, currency) on accounts to hexbao_game;
grant select, insert on transfers to hexbao_game;
