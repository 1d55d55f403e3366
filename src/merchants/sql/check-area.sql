-- Whether a polygon with a closed ring can be an area: it does not cross itself and it has an inside.
-- Params: $1 GeoJSON
-- Returns: is_area
select ST_IsValid(area) and ST_Area(area::geography) > 0 as is_area
from (select ST_SetSRID(ST_GeomFromGeoJSON($1::text), 4326) as area) given
