-- Live envelopes that were loaded into a gate (loading raises the epoch), a page by id.
-- Params: $1 after id or null, $2 limit
-- Returns: id, epoch
select id, epoch from envelopes
where state = 'live' and epoch > 1 and ($1::uuid is null or id > $1) order by id limit $2
