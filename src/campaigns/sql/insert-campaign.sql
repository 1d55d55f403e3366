-- A new campaign with a plan.
-- Params: $1 id, $2 merchant, $3 state, $4 version, $5 is stopped, $6 name, $7 area as GeoJSON, $8 currency, $9 budget,
--         $10 wins a player, $11 starts, $12 ends, $13 time zone, $14 windows, $15 greeting, $16 clue, $17 brand,
--         $18 presence, $19 coupon pool or null, $20 created
-- Returns: nothing
insert into campaigns (id, merchant_id, state, version, is_stopped, name, area, currency, budget, wins_per_player,
  starts_at, ends_at, time_zone, windows, greeting, clue, brand, presence, coupon_pool_id, created_at)
values ($1, $2, $3, $4, $5, $6, ST_SetSRID(ST_GeomFromGeoJSON($7::text), 4326)::geography, $8, $9, $10, $11, $12, $13,
  $14::jsonb, $15, $16, $17, $18, $19, $20)
