-- A coupon that a player has won.
-- Params: $1 id, $2 player
-- Returns: the columns of a coupon, its till or null, of its pool: merchant, title, terms, expires, voided, and
--          merchant_name
select c.id, c.pool_id, c.key_id, c.sealed, c.state, c.envelope_id, c.player_id, c.created_at, c.given_at,
  c.redeemed_at, c.voided_at, r.till, p.merchant_id, p.title, p.terms, p.expires_at, p.voided_at as pool_voided_at,
  m.name as merchant_name
from coupons c
join coupon_pools p on p.id = c.pool_id
join merchants m on m.id = c.merchant_id
left join coupon_redemptions r on r.coupon_id = c.id
where c.id = $1 and c.player_id = $2
