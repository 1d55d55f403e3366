-- Which of some places lie in an area in which nobody hides, or outside of the given one.
-- Params: $1 longitudes, $2 latitudes, $3 GeoJSON of the area that they should lie in, or null
-- Returns: place: its number from 0, is_outside, is_excluded; only of those that do
with given as materialized (select ST_SetSRID(ST_GeomFromGeoJSON($3::text), 4326) as area),
  places as (
    select place - 1 as place, ST_SetSRID(ST_MakePoint(lng, lat), 4326) as point
    from unnest($1::float8[], $2::float8[]) with ordinality as p (lng, lat, place)
  ),
  judged as (
    select place, $3::text is not null and not ST_Covers((select area from given), point) as is_outside, exists (
      select from exclusion_areas e where e.removed_at is null and ST_Covers(e.area, point::geography)
    ) as is_excluded
    from places
  )
select place::int, is_outside, is_excluded from judged where is_outside or is_excluded order by place
