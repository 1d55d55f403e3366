-- Opens accounts that do not exist yet, in id order. No index is named: whoever opens the same one at the same moment
-- may be met in either of the two unique ones.
-- Params: $1 ids, $2 kinds, $3 owners, $4 currencies
-- Returns: nothing
insert into accounts (id, kind, owner_id, currency)
select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[])
order by 1
on conflict do nothing
