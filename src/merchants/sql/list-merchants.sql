-- A page of merchants, newest first.
-- Params: $1 created of the last one seen, $2 its id, $3 limit
-- Returns: id, name, area as GeoJSON or null, created_at
select id, name, ST_AsGeoJSON(area::geometry, 15)::json as area, created_at from merchants
where (created_at, id) < ($1::timestamptz, $2::uuid)
order by created_at desc, id desc limit $3
