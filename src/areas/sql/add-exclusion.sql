-- Adds an area in which nobody hides.
-- Params: $1 id, $2 name, $3 GeoJSON, $4 time
-- Returns: nothing
insert into exclusion_areas (id, name, area, created_at)
values ($1, $2, ST_SetSRID(ST_GeomFromGeoJSON($3::text), 4326)::geography, $4)
