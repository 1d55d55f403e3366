-- A page of what was changed of a merchant, newest first.
-- Params: $1 merchant, $2 time of the last one seen, $3 its id, $4 limit
-- Returns: id, merchant_id, key_id or null, operation, target, created_at
select id, merchant_id, key_id, operation, target, created_at from merchant_actions
where merchant_id = $1 and (created_at, id) < ($2::timestamptz, $3::uuid)
order by created_at desc, id desc limit $4
