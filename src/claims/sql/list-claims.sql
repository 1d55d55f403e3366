-- A page of a player's wins, newest first.
-- Params: $1 player, $2 limit, $3 after time or null, $4 after id
-- Returns: claims with lng, lat, greeting, thanks
select c.id, c.envelope_id, c.amount, c.currency, c.coupon_id, c.claimed_at,
  case when e.shows_text then e.greeting end as greeting, t.text as thanks,
  st_x(e.place::geometry) as lng, st_y(e.place::geometry) as lat
from claims c join envelopes e on e.id = c.envelope_id left join thanks t on t.claim_id = c.id
where c.player_id = $1 and ($3::timestamptz is null or (c.claimed_at, c.id) < ($3, $4::uuid))
order by c.claimed_at desc, c.id desc limit $2
