-- Where a merchant's envelopes are that are live or to open, inside of a box.
-- Params: $1 merchant, $2 west, $3 south, $4 east, $5 north
-- Returns: lng, lat
select st_x(place::geometry) as lng, st_y(place::geometry) as lat from envelopes
where hider_id = $1 and hider_kind = 'merchant' and state in ('funded', 'live', 'frozen')
  and place::geometry && ST_MakeEnvelope($2, $3, $4, $5, 4326)
