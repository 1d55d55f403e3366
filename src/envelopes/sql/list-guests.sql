-- The players that envelopes are for.
-- Params: $1 envelopes
-- Returns: envelope_id, player_ids
select envelope_id, array_agg(player_id order by player_id) as player_ids
from envelope_guests where envelope_id = any ($1::uuid[])
group by envelope_id
