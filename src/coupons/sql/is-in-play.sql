-- Whether drops or envelopes hold coupons of a locked pool: some are placed, or fewer are free than lie in it.
-- Params: $1 pool
-- Returns: is_in_play
select exists (select from coupons where pool_id = $1 and state = 'placed')
  or p.free <> (select count(*) from coupons where pool_id = $1 and state = 'pooled') as is_in_play
from coupon_pools p where p.id = $1
