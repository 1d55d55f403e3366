-- Claims that hold the place of the player or the share of any of these reservations.
-- Params: $1 envelope ids, $2 player ids, $3 share numbers
-- Returns: claims
with asked as (select * from unnest($1::uuid[], $2::uuid[], $3::int[]) as a (envelope_id, player_id, share_no))
select c.id, c.envelope_id, c.player_id, c.share_no, c.amount, c.currency, c.coupon_id, c.claimed_at
from asked join claims c using (envelope_id, player_id)
union
select c.id, c.envelope_id, c.player_id, c.share_no, c.amount, c.currency, c.coupon_id, c.claimed_at
from asked join claims c using (envelope_id, share_no)
