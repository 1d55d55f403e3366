-- Takes coupons out of what is free in a locked pool, for a drop that will place them; below zero to give some back.
-- Params: $1 pool, $2 coupons
-- Returns: nothing
update coupon_pools set free = free - $2::int where id = $1
