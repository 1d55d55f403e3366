-- Takes the row lock that orders everything that takes from a pool, adds to it or ends it; read the row after it.
-- Params: $1 id
-- Returns: id
select id from coupon_pools where id = $1 for no key update
