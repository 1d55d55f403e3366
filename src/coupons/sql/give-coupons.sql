-- Gives coupons to those who have won the shares that they lie in; the envelopes are locked.
-- Params: $1 coupons, $2 envelopes, $3 players, $4 times
-- Returns: nothing
update coupons c set state = 'given', player_id = won.player_id, given_at = won.claimed_at
from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[]) as won (id, envelope_id, player_id, claimed_at)
where c.id = won.id and c.envelope_id = won.envelope_id and c.state = 'placed'
