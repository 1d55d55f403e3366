-- Live drops whose envelopes end before their campaign, in a round: those behind the last one seen come first.
-- Params: $1 limit, $2 the last one seen or null
-- Returns: id
select d.id from drops d join campaigns c on c.id = d.campaign_id
where c.state in ('scheduled', 'live', 'paused') and d.state = 'live' and d.expires_at < c.ends_at
order by d.id <= $2::uuid, d.id limit $1
