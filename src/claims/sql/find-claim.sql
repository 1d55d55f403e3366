-- One win of a player, with the place where they stood for it.
-- Params: $1 claim, $2 player
-- Returns: the claim with lng, lat, greeting, thanks
select c.id, c.envelope_id, c.amount, c.currency, c.coupon_id, c.claimed_at,
  case when e.shows_text then e.greeting end as greeting, t.text as thanks,
  st_x(e.place::geometry) as lng, st_y(e.place::geometry) as lat
from claims c join envelopes e on e.id = c.envelope_id left join thanks t on t.claim_id = c.id
where c.id = $1 and c.player_id = $2
