-- Adds a merchant.
-- Params: $1 id, $2 name, $3 area as GeoJSON or null, $4 time
-- Returns: nothing
insert into merchants (id, name, area, created_at)
values ($1, $2, ST_SetSRID(ST_GeomFromGeoJSON($3::text), 4326)::geography, $4)
