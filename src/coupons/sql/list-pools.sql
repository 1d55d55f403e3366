-- A page of a merchant's pools, newest first.
-- Params: $1 merchant, $2 created of the last one seen, $3 its id, $4 limit
-- Returns: the columns of a pool
select id, merchant_id, name, title, terms, expires_at, uploaded, free, created_at, voided_at
from coupon_pools where merchant_id = $1 and (created_at, id) < ($2::timestamptz, $3::uuid)
order by created_at desc, id desc limit $4
