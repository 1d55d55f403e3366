-- Campaigns with a plan, in the order asked for.
-- Params: $1 ids
-- Returns: the columns of a campaign, its area as GeoJSON
select id, merchant_id, state, version, is_stopped, name, ST_AsGeoJSON(area::geometry, 15)::json as area, currency,
  budget, wins_per_player, starts_at, ends_at, time_zone, windows, greeting, clue, brand, presence, coupon_pool_id,
  created_at, ended_at, settled_at
from unnest($1::uuid[]) with ordinality as wanted (id, place_in_list) join campaigns using (id)
where state is not null
order by place_in_list
