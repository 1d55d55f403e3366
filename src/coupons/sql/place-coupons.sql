-- Puts coupons of a pool into the shares of envelopes, as many in each, those first that were uploaded first. The drop
-- has taken them out of what is free, so there are as many.
-- Params: $1 pool, $2 envelopes, $3 shares of each
-- Returns: id, in the order of the envelopes and their shares
with chosen as (
  select id from coupons where pool_id = $1 and state = 'pooled'
  order by id limit cardinality($2::uuid[]) * $3::int for no key update
), numbered as (
  select id, row_number() over (order by id) - 1 as place from chosen
), placed as (
  update coupons c set state = 'placed', envelope_id = ($2::uuid[])[place / $3::int + 1], share_no = place % $3::int + 1
  from numbered n where c.id = n.id
  returning c.id, n.place
)
select id from placed order by place
