-- A win of a player, whose envelope it is of, and the thanks that were said for it.
-- Params: $1 claim, $2 player
-- Returns: envelope_id, hider_kind, hider_id, text or null
select c.envelope_id, e.hider_kind, e.hider_id, t.text
from claims c
join envelopes e on e.id = c.envelope_id
left join thanks t on t.claim_id = c.id
where c.id = $1 and c.player_id = $2
