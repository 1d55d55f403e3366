-- Campaigns that ended and have money or envelopes out, in a round: those behind the last one seen come first.
-- Params: $1 limit, $2 the last one seen or null
-- Returns: id
select id from campaigns where state = 'ended' and settled_at is null order by id <= $2::uuid, id limit $1
