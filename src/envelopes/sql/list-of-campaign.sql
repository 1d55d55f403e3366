-- Ids of a campaign's envelopes, newest first, after the last one seen.
-- Params: $1 campaign, $2 created of the last one seen or null, $3 its id, $4 limit
-- Returns: id
select id from envelopes
where campaign_id = $1 and ($2::timestamptz is null or (created_at, id) < ($2, $3::uuid))
order by created_at desc, id desc
limit $4
