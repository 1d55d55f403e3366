-- The claims of (envelope, player) pairs.
-- Params: $1 envelope ids, $2 player ids
-- Returns: claims
select c.id, c.envelope_id, c.player_id, c.share_no, c.amount, c.currency, c.coupon_id, c.claimed_at
from unnest($1::uuid[], $2::uuid[]) as asked (envelope_id, player_id)
join claims c using (envelope_id, player_id)
