-- Redeems a locked coupon, unless the till has redeemed another one with the key.
-- Params: $1 coupon, $2 merchant, $3 till, $4 key, $5 when
-- Returns: id, or no row
with redeemed as (
  insert into coupon_redemptions (coupon_id, merchant_id, till, idempotency_key, redeemed_at)
  values ($1, $2, $3, $4, $5)
  on conflict on constraint coupon_redemptions_one_key do nothing
  returning coupon_id, redeemed_at
)
update coupons c set state = 'redeemed', redeemed_at = r.redeemed_at from redeemed r where c.id = r.coupon_id
returning c.id
