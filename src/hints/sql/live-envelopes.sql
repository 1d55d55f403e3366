-- What the live index holds of the cells that players are in: hint cells and what a hint shows, never the point.
-- Params: $1 bigint[] res-7 cells, $2 from how many reports on it is shown last
-- Returns: id, cell_r10, cell_r7, hider_kind, hider_id, audience, guests (of audience 'players'), presence,
--          is_reported, greeting, brand, clue
select
  id,
  cell_r10,
  cell_r7,
  hider_kind,
  hider_id,
  audience,
  case
    when audience = 'players' then
      array(select player_id::text from envelope_guests where envelope_id = envelopes.id order by player_id)
  end as guests,
  presence,
  reports >= $2::int as is_reported,
  case when shows_text then greeting end as greeting,
  brand,
  case when shows_text then clue end as clue
from envelopes
where state = 'live' and cell_r7 = any($1::bigint[])
