-- A new service request: a draft, in review or open.
-- Params: $1 id, $2 poster, $3 device or null, $4 mode, $5 category, $6 text, $7 instructions, $8 longitude,
--         $9 latitude, $10 res-12 cell, $11 currency, $12 price, $13 reach in m, $14 widens, $15 due,
--         $16 seconds to deliver, $17 created, $18 expires, $19 funded, $20 state
-- Returns: nothing
insert into service_requests (id, poster_id, device_id, mode, category, text, instructions, place, cell_r12, currency,
  price, reach_m, widens_at, due_at, deliver_within_s, created_at, expires_at, funded_at,
  state)
values ($1, $2, $3, $4, $5, $6, $7, st_setsrid(st_makepoint($8, $9), 4326)::geography, $10, $11, $12, $13, $14, $15,
  $16, $17, $18, $19, $20)
