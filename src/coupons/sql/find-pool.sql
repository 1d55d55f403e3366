-- One pool.
-- Params: $1 id
-- Returns: the columns of a pool, or no row
select id, merchant_id, name, title, terms, expires_at, uploaded, free, created_at, voided_at
from coupon_pools where id = $1
