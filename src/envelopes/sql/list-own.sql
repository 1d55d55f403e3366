-- Ids of a hider's envelopes, newest first, after the last one seen.
-- Params: $1 hider, $2 kind of hider, $3 created of the last one seen or null, $4 its id, $5 limit
-- Returns: id
select id from envelopes
where hider_id = $1 and hider_kind = $2 and ($3::timestamptz is null or (created_at, id) < ($3, $4::uuid))
order by created_at desc, id desc
limit $5
