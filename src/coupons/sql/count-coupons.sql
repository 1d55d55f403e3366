-- What became of the coupons of pools.
-- Params: $1 pools
-- Returns: pool_id, given, redeemed, unredeemed, void, void_given; no row for a pool without coupons
select pool_id, count(player_id)::int as given, (count(*) filter (where state = 'redeemed'))::int as redeemed,
  (count(*) filter (where state = 'given'))::int as unredeemed, (count(*) filter (where state = 'void'))::int as void,
  (count(player_id) filter (where state = 'void'))::int as void_given
from coupons where pool_id = any($1::uuid[]) group by pool_id
