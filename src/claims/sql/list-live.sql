-- Live envelopes, a page by id.
-- Params: $1 after id or null, $2 limit
-- Returns: id
select id from envelopes where state = 'live' and ($1::uuid is null or id > $1) order by id limit $2
