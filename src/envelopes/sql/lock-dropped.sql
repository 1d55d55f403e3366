-- Locks envelopes of a drop that are still to open.
-- Params: $1 drop, $2 limit
-- Returns: id
select id from envelopes where drop_id = $1 and state = 'funded' order by id limit $2 for no key update
