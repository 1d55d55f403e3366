-- Changes the plan of a locked campaign.
-- Params: $1 id, $2 version, $3 name, $4 area as GeoJSON, $5 currency, $6 budget, $7 wins a player, $8 starts, $9 ends,
--         $10 time zone, $11 windows, $12 greeting, $13 clue, $14 brand, $15 presence, $16 coupon pool or null
-- Returns: nothing
update campaigns set version = $2, name = $3, area = ST_SetSRID(ST_GeomFromGeoJSON($4::text), 4326)::geography,
  currency = $5, budget = $6, wins_per_player = $7, starts_at = $8, ends_at = $9, time_zone = $10, windows = $11::jsonb,
  greeting = $12, clue = $13, brand = $14, presence = $15, coupon_pool_id = $16
where id = $1
