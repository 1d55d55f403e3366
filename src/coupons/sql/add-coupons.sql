-- Adds coupons to a locked pool, except those whose payload the merchant has uploaded before; in the order of their
-- digests, so that two uploads never wait for each other.
-- Params: $1 pool, $2 merchant, $3 ids, $4 names of keys, $5 sealed, $6 digests of payloads, $7 of codes, $8 created
-- Returns: added
with added as (
  insert into coupons (id, pool_id, merchant_id, key_id, sealed, payload_mac, code_mac, created_at)
  select id, $1, $2, key_id, sealed, payload_mac, code_mac, $8
  from unnest($3::uuid[], $4::text[], $5::bytea[], $6::bytea[], $7::bytea[])
    as sent (id, key_id, sealed, payload_mac, code_mac)
  order by payload_mac, id
  on conflict on constraint coupons_one_payload do nothing
  returning id
), sum as (
  select count(*)::int as added from added
)
update coupon_pools p set uploaded = p.uploaded + sum.added, free = p.free + sum.added
from sum where p.id = $1
returning sum.added
