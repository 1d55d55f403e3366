-- Campaigns that ended and have money or envelopes out, the longest ended first.
-- Params: $1 limit
-- Returns: id
select id from campaigns where state = 'ended' and settled_at is null order by ended_at, id limit $1
