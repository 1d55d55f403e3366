-- What an area leaves to hide in: without the areas in which nobody does.
-- Params: $1 GeoJSON
-- Returns: area: a MultiPolygon as GeoJSON, area_m2
with given as (select ST_SetSRID(ST_GeomFromGeoJSON($1::text), 4326) as area),
  excluded as (
    select ST_Union(e.area::geometry) as area from exclusion_areas e, given
    where e.removed_at is null and ST_Intersects(e.area, given.area::geography)
  ),
  free as (
    select ST_Multi(ST_CollectionExtract(
      case when excluded.area is null then given.area else ST_Difference(given.area, excluded.area) end, 3)) as area
    from given, excluded
  )
select ST_AsGeoJSON(area, 15)::json as area, ST_Area(area::geography) as area_m2 from free
