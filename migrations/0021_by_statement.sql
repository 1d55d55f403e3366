-- What a drop writes by the thousand: rules that were checked row by row are checked once for each statement, and
-- balances move without new entries in the indexes of accounts. A transfer still has two accounts of its currency, and
-- a share its envelope: both are proven when rows are added, and what they lean on neither goes nor changes its name.

create trigger accounts_stay before delete or truncate or update of id, kind, owner_id, currency on accounts
  for each statement execute function refuse_change();
create trigger envelopes_stay before delete or truncate or update of id on envelopes
  for each statement execute function refuse_change();

-- An account is opened and moved by one transaction: with room for its second version in the page, PostgreSQL needs no
-- new index entries for it (a heap-only tuple).
alter table accounts set (fillfactor = 50);

-- Locks in id order, in a statement of its own, so that two batches that share accounts never deadlock. Accounts that
-- this transaction opened are seen by nobody else, and need no lock.
create or replace function post_transfers() returns trigger language plpgsql
security definer set search_path = public, pg_temp as $$
declare
  strays bigint;
begin
  perform 1 from accounts
    where id in (select debit_account from posted union select credit_account from posted)
      and xmin <> pg_current_xact_id()::xid
    order by id for no key update;
  with moved as (
    select id, currency, sum(credit)::bigint as credit, sum(debit)::bigint as debit from (
      select debit_account as id, currency, 0 as credit, amount as debit from posted
      union all
      select credit_account, currency, amount, 0 from posted
    ) sides group by id, currency
  ), changed as (
    update accounts set credits = credits + moved.credit, debits = debits + moved.debit
    from moved where accounts.id = moved.id and accounts.currency = moved.currency
    returning 1
  )
  select (select count(*) from moved) - (select count(*) from changed) into strays;
  if strays <> 0 then
    raise exception 'transfers name % accounts that are not there, or not in their currency', strays
      using errcode = 'foreign_key_violation';
  end if;
  return null;
end $$;
alter table transfers
  drop constraint transfers_debit_account_currency_fkey,
  drop constraint transfers_credit_account_currency_fkey;
alter table accounts drop constraint accounts_id_currency_key;

create function find_envelopes_of_shares() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  if exists (
    select from (select distinct envelope_id from placed) ids
    where not exists (select from envelopes where envelopes.id = ids.envelope_id)
  ) then
    raise exception 'shares of an envelope that is not there' using errcode = 'foreign_key_violation';
  end if;
  return null;
end $$;
create trigger envelope_shares_of_envelopes after insert on envelope_shares
  referencing new table as placed for each statement execute function find_envelopes_of_shares();
alter table envelope_shares drop constraint envelope_shares_envelope_id_fkey;
