-- Locks those of some envelopes that are still to expire, except those that others have locked.
-- Params: $1 now, $2 ids
-- Returns: id
select id from envelopes
where id = any($2::uuid[]) and state in ('funded', 'live') and expires_at <= $1
order by id
for no key update skip locked
