-- Envelopes that are over by time, the longest due first.
-- Params: $1 now, $2 limit
-- Returns: id
select id from envelopes
where state in ('funded', 'live') and expires_at <= $1
order by expires_at, id
limit $2
