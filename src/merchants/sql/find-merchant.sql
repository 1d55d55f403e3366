-- One merchant.
-- Params: $1 id
-- Returns: id, name, area as GeoJSON or null, created_at
select id, name, ST_AsGeoJSON(area::geometry, 15)::json as area, created_at from merchants where id = $1
