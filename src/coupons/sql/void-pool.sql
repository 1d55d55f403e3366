-- Makes all coupons of a locked pool worthless that are not redeemed.
-- Params: $1 id, $2 when
-- Returns: nothing
update coupon_pools set voided_at = $2 where id = $1
