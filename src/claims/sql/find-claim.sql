-- One win of a player, with the place where they stood for it.
-- Params: $1 claim, $2 player
-- Returns: the claim with lng, lat, greeting
select c.id, c.envelope_id, c.amount, c.currency, c.claimed_at, e.greeting,
  st_x(e.place::geometry) as lng, st_y(e.place::geometry) as lat
from claims c join envelopes e on e.id = c.envelope_id
where c.id = $1 and c.player_id = $2
