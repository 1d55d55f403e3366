-- Where a merchant's envelopes are that are live or to open, inside of an area.
-- Params: $1 merchant, $2 GeoJSON
-- Returns: lng, lat
select st_x(place::geometry) as lng, st_y(place::geometry) as lat from envelopes
where hider_id = $1 and hider_kind = 'merchant' and state in ('funded', 'live', 'frozen')
  and ST_Intersects(ST_SetSRID(ST_GeomFromGeoJSON($2::text), 4326), place::geometry)
