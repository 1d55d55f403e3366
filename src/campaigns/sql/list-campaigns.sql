-- Ids of a merchant's campaigns with a plan, newest first.
-- Params: $1 merchant, $2 created of the last one seen, $3 its id, $4 limit
-- Returns: id
select id from campaigns
where merchant_id = $1 and state is not null and (created_at, id) < ($2::timestamptz, $3::uuid)
order by created_at desc, id desc limit $4
