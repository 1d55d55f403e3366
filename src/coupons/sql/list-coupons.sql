-- A page of a pool's coupons, newest first, or of those that are in a state by now.
-- Params: $1 pool, $2 state or null, $3 now, $4 created of the last one seen, $5 its id, $6 limit
-- Returns: the columns of a coupon, its till or null, of its pool: merchant, title, terms, expires, voided
select c.id, c.pool_id, c.key_id, c.sealed, c.state, c.envelope_id, c.player_id, c.created_at, c.given_at,
  c.redeemed_at, c.voided_at, r.till, p.merchant_id, p.title, p.terms, p.expires_at, p.voided_at as pool_voided_at
from coupons c
join coupon_pools p on p.id = c.pool_id
left join coupon_redemptions r on r.coupon_id = c.id
where c.pool_id = $1 and (c.created_at, c.id) < ($4::timestamptz, $5::uuid)
  and ($2::text is null or $2 = case
    when c.state in ('redeemed', 'void') then c.state
    when p.voided_at is not null then 'void'
    when p.expires_at <= $3::timestamptz then 'expired'
    else c.state end)
order by c.created_at desc, c.id desc limit $6
