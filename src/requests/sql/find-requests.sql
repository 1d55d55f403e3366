-- Service requests by id, in the order asked for.
-- Params: $1 ids
-- Returns: the columns of a service request, its place as lng and lat
select id, poster_id, device_id, mode, category, text, instructions, st_x(place::geometry) as lng,
  st_y(place::geometry) as lat, cell_r12, currency, price, top_ups, state, version, offers, provider_id, reach_m,
  widens_at, due_at, deliver_within_s, created_at, funded_at, expires_at, accepted_at, delivered_at, dispute_reason,
  ended_at, paid
from unnest($1::uuid[]) with ordinality as wanted (id, place_in_list)
join service_requests using (id)
order by place_in_list
