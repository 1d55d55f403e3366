-- What an area with closed rings is: valid, the right way round, how large, and inside of a merchant's verified one.
-- Params: $1 GeoJSON, $2 merchant or null
-- Returns: is_valid, is_oriented, area_m2, is_covered
with given as (select ST_SetSRID(ST_GeomFromGeoJSON($1::text), 4326) as area),
  judged as (select area, ST_IsValid(area) and ST_Area(area) > 0 as is_valid from given)
select is_valid, ST_IsPolygonCCW(area) as is_oriented,
  case when is_valid then ST_Area(area::geography) else 0 end as area_m2,
  case
    when $2::uuid is null then true
    when is_valid then coalesce(
      (select ST_Covers(m.area::geometry, judged.area) from merchants m where m.id = $2), false)
    else false
  end as is_covered
from judged
