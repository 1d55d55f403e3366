-- Takes what nobody won out of locked envelopes that end, back into their pools, which are locked in order.
-- Params: $1 envelopes
-- Returns: nothing
with back as (
  update coupons set state = 'pooled', envelope_id = null, share_no = null
  where envelope_id = any($1::uuid[]) and state = 'placed'
  returning pool_id
), pools as (
  select id from coupon_pools where id in (select pool_id from back) order by id for no key update
)
update coupon_pools p set free = p.free + (select count(*) from back where pool_id = p.id)
from pools where p.id = pools.id
