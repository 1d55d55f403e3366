-- A new pool, without coupons.
-- Params: $1 id, $2 merchant, $3 name, $4 title, $5 terms or null, $6 expires, $7 created
-- Returns: nothing
insert into coupon_pools (id, merchant_id, name, title, terms, expires_at, created_at)
values ($1, $2, $3, $4, $5, $6, $7)
