-- Where a merchant may hide from now on.
-- Params: $1 id, $2 area as GeoJSON or null
-- Returns: id, name, area as GeoJSON or null, created_at; or no row
update merchants set area = ST_SetSRID(ST_GeomFromGeoJSON($2::text), 4326)::geography where id = $1
returning id, name, ST_AsGeoJSON(area::geometry, 15)::json as area, created_at
