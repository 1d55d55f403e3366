-- Makes a locked coupon worthless; one that nobody had is not free any more.
-- Params: $1 id, $2 when
-- Returns: nothing
with worthless as (
  update coupons set state = 'void', voided_at = $2 where id = $1 returning pool_id, player_id
)
update coupon_pools p set free = p.free - 1 from worthless w where p.id = w.pool_id and w.player_id is null
