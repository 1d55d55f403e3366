-- Locks some envelopes of a drop that expire before a time, except those that others have locked.
-- Params: $1 drop, $2 time, $3 limit
-- Returns: id
select id from envelopes
where drop_id = $1 and state in ('funded', 'live', 'frozen') and expires_at < $2
order by id limit $3
for no key update skip locked
