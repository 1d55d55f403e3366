-- What a drop writes by the thousand is checked once for each statement, as in 0021: that a visible envelope has all
-- its shares, and that the campaign, the drop and the coupons that it names are there. Each row is looked up by its
-- key, and no table is read as a whole: plans are kept, and one that was made while a table was small would do that
-- with 50,000 rows of it, for every claim that is paid meanwhile.

-- All shares of an envelope come by one statement, behind the envelope: numbered from 1 without gaps, and of its total.
-- A second statement would need numbers that are taken.
create function check_placed_shares() returns trigger language plpgsql
set search_path = public, pg_temp set enable_seqscan = off as $$
declare
  found_id uuid;
  found_fit boolean;
begin
  select envelope_id, fits into found_id, found_fit from (
    select envelope_id, (
      select share_count = sums.shares and share_count = sums.last_no and total = sums.total
      from envelopes where id = sums.envelope_id
    ) as fits
    from (
      select envelope_id, count(*) as shares, max(share_no) as last_no, coalesce(sum(amount), 0) as total
      from placed group by envelope_id
    ) sums
  ) judged where fits is not true limit 1;
  if found and found_fit is null then
    raise exception 'shares of an envelope that is not there' using errcode = 'foreign_key_violation';
  elsif found then
    raise exception 'envelope %: its shares are not those of its number and total', found_id
      using errcode = 'check_violation';
  end if;
  if exists (
    select from placed where coupon_id is not null
      and (select true from coupons where id = placed.coupon_id) is null
  ) then
    raise exception 'a share names a coupon that is not there' using errcode = 'foreign_key_violation';
  end if;
  return null;
end $$;
create trigger envelope_shares_fit after insert on envelope_shares
  referencing new table as placed for each statement execute function check_placed_shares();
drop trigger envelope_shares_of_envelopes on envelope_shares;
drop function find_envelopes_of_shares;
alter table envelope_shares drop constraint envelope_shares_coupon_id_fkey;

-- Whether an envelope has shares is known at the commit, for which a row waits here: one for each statement that adds
-- envelopes, and gone with the commit.
create table unproven_envelopes (
  turn bigint generated always as identity primary key,
  ids uuid[] not null
);
alter table unproven_envelopes alter column ids set storage external;

create function check_added_envelopes() returns trigger language plpgsql
security definer set search_path = public, pg_temp set enable_seqscan = off as $$
begin
  if exists (
    select from (select distinct campaign_id as id from added where campaign_id is not null) named
    where (select true from campaigns where id = named.id) is null
  ) or exists (
    select from (select distinct drop_id as id from added where drop_id is not null) named
    where (select true from drops where id = named.id) is null
  ) then
    raise exception 'an envelope names a campaign or a drop that is not there' using errcode = 'foreign_key_violation';
  end if;
  insert into unproven_envelopes (ids) select array_agg(id) from added where state <> 'draft' having count(*) > 0;
  return null;
end $$;
create trigger envelopes_added after insert on envelopes
  referencing new table as added for each statement execute function check_added_envelopes();
alter table envelopes
  drop constraint envelopes_campaign_id_fkey,
  drop constraint envelopes_drop_id_fkey;

create function prove_envelopes() returns trigger language plpgsql
security definer set search_path = public, pg_temp set enable_seqscan = off as $$
begin
  if exists (
    select from unnest(new.ids) as added (id)
    where (select true from envelope_shares where envelope_id = added.id limit 1) is null
  ) then
    raise exception 'an envelope has no shares' using errcode = 'check_violation';
  end if;
  delete from unproven_envelopes where turn = new.turn;
  return null;
end $$;
create constraint trigger unproven_envelopes_have_shares after insert on unproven_envelopes
  deferrable initially deferred for each row execute function prove_envelopes();
drop trigger envelopes_shares_on_insert on envelopes;

-- What envelopes and shares lean on neither goes nor changes its name.
create trigger campaigns_stay before delete or truncate or update of id on campaigns
  for each statement execute function refuse_change();
create trigger drops_stay before delete or truncate or update of id on drops
  for each statement execute function refuse_change();
create trigger coupons_stay before delete or truncate or update of id on coupons
  for each statement execute function refuse_change();
drop trigger envelopes_stay on envelopes;
create trigger envelopes_stay before delete or truncate or update of id, campaign_id, drop_id on envelopes
  for each statement execute function refuse_change();

-- As in 0021, but that accounts are found one by one. Locks in id order, in a statement of its own, so that two batches
-- that share accounts never deadlock. Accounts that this transaction opened are seen by nobody else, and need no lock.
create or replace function post_transfers() returns trigger language plpgsql
security definer set search_path = public, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  strays bigint;
begin
  perform 1 from (
    select debit_account as id from posted union select credit_account from posted order by id
  ) named, lateral (
    select from accounts where accounts.id = named.id and xmin <> pg_current_xact_id()::xid for no key update
  ) locked;
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
