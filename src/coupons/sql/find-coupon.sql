-- One coupon.
-- Params: $1 id
-- Returns: the columns of a coupon, its till or null, of its pool: merchant, title, terms, expires, voided
select c.id, c.pool_id, c.key_id, c.sealed, c.state, c.envelope_id, c.player_id, c.created_at, c.given_at,
  c.redeemed_at, c.voided_at, r.till, p.merchant_id, p.title, p.terms, p.expires_at, p.voided_at as pool_voided_at
from coupons c
join coupon_pools p on p.id = c.pool_id
left join coupon_redemptions r on r.coupon_id = c.id
where c.id = $1
