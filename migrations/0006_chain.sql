-- The audit chain: each transfer gets a numbered link, whose hash covers the transfer's row and the hash of the link
-- before it. Who changes, removes or slips in a row behind the server's back breaks the chain there.

-- No foreign key to transfers: its checks would write into every row of them once more, and the verifier looks for
-- links without a transfer anyway.
create table transfer_links (
  sequence bigint primary key check (sequence > 0),
  transfer_id uuid not null unique,
  hash bytea not null check (octet_length(hash) = 32)
);
create trigger transfer_links_append_only before update or delete or truncate on transfer_links
  for each statement execute function refuse_change();

-- Transfers that have no link yet, a row for each statement that posted some. One job takes rows away in the
-- transaction that links their transfers, so a transfer is always in exactly one of the two tables. A turn is drawn
-- while the accounts are locked, which orders transfers of one account as they were committed; whoever commits later
-- than the job looked is linked later.
create table unlinked_transfers (
  turn bigint generated always as identity primary key,
  ids uuid[] not null,
  queued_at timestamptz not null default now()
);

create function queue_for_linking() returns trigger language plpgsql
security definer set search_path = public, pg_temp as $$
begin
  insert into unlinked_transfers (ids) select array_agg(id) from posted having count(*) > 0;
  return null;
end $$;

-- Behind transfers_post, which locks the accounts: triggers of one event fire by name.
create trigger transfers_queue after insert on transfers
  referencing new table as posted for each statement execute function queue_for_linking();

-- What is there already, oldest first. Nobody posts meanwhile: the new trigger holds the table until the commit.
insert into unlinked_transfers (ids)
select array_agg(id order by created_at, id) from (
  select id, created_at, (row_number() over (order by created_at, id) - 1) / 100 as part from transfers
) numbered group by part order by part;

grant select, insert on transfer_links to hexbao_game;
grant select, delete on unlinked_transfers to hexbao_game;
