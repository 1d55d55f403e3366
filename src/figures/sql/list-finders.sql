-- Who is new, by windows: how many players won for the first time in the campaign (cell null), and in each of its cells.
-- Params: $1 campaign, $2 the end of the last window, exclusive, $3 length of a window in ms
-- Returns: window_no, cell or null, players
with won as (
  select e.cell_r9 as cell, c.player_id, min(c.claimed_at) as at
  from envelopes e join claims c on c.envelope_id = e.id
  where e.campaign_id = $1 and e.drop_id is not null and c.claimed_at < $2
  group by e.cell_r9, c.player_id
), firsts as (
  select cell, at from won
  union all
  select null, min(at) from won group by player_id
)
select floor(extract(epoch from at) * 1000 / $3::bigint)::int as window_no, cell, count(*)::int as players
from firsts group by 1, 2 order by 1, 2
