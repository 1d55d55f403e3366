-- Lifts an exclusion; one that is lifted already is none.
-- Params: $1 id, $2 time
-- Returns: id, name, area as GeoJSON, created_at; or no row
update exclusion_areas set removed_at = $2 where id = $1 and removed_at is null
returning id, name, ST_AsGeoJSON(area::geometry, 15)::json as area, created_at
