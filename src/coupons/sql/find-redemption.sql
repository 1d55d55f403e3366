-- Whether a coupon was redeemed by this till with this key.
-- Params: $1 coupon, $2 till, $3 key
-- Returns: coupon_id, or no row
select coupon_id from coupon_redemptions where coupon_id = $1 and till = $2 and idempotency_key = $3
