-- The shares of new envelopes, as many of each, in the order of the envelopes and numbered from 1.
-- Params: $1 envelopes, $2 shares of each, $3 amounts of all
-- Returns: nothing
insert into envelope_shares (envelope_id, share_no, amount)
select ($1::uuid[])[(place - 1) / $2::int + 1], (place - 1) % $2::int + 1, amount
from unnest($3::bigint[]) with ordinality as shares (amount, place)
