-- The shares of new envelopes, as many of each, in the order of the envelopes and numbered from 1: amounts or coupons.
-- Params: $1 envelopes, $2 shares of each, $3 amounts of all, or $4 coupons of all
-- Returns: nothing
insert into envelope_shares (envelope_id, share_no, amount, coupon_id)
select ($1::uuid[])[(place - 1) / $2::int + 1], (place - 1) % $2::int + 1, amount, coupon_id
from unnest($3::bigint[], $4::uuid[]) with ordinality as shares (amount, coupon_id, place)
