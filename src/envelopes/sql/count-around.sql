-- Players' envelopes that are live or still to open, in a res-10 cell and the res-9 cell around it.
-- Params: $1 res-10 cell, $2 res-9 cell, $3 now
-- Returns: in_cell10, in_cell9
select count(*) filter (where cell_r10 = $1)::int as in_cell10, count(*)::int as in_cell9
from envelopes
where cell_r9 = $2 and state in ('funded', 'live') and hider_kind = 'player' and expires_at > $3
