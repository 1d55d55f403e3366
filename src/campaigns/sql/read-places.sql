-- Some of a drop's places, in their order.
-- Params: $1 drop, $2 how many come before, $3 how many
-- Returns: lng, lat
select place.lng, place.lat from drops,
  unnest(lngs[$2::int + 1:$2::int + $3::int], lats[$2::int + 1:$2::int + $3::int])
    with ordinality as place (lng, lat, no)
where id = $1 order by no
