-- Locks envelopes of a drop that are still to open, behind one that is known: the index has those that opened as well.
-- Params: $1 drop, $2 the last one known or null, $3 limit
-- Returns: id
select id from envelopes
where drop_id = $1 and id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000') and state = 'funded'
order by id limit $3
for no key update
