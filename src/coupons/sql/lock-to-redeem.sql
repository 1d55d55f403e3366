-- Takes the row lock of a coupon, and keeps its pool from being made void meanwhile; read both in a statement after it.
-- Params: $1 merchant, $2 digest of the code
-- Returns: id
select c.id from coupons c join coupon_pools p on p.id = c.pool_id
where c.merchant_id = $1 and c.code_mac = $2
for no key update of c for share of p
