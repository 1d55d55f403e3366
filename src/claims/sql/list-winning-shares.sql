-- Who has which share, for gates that are loaded.
-- Params: $1 envelopes
-- Returns: envelope_id, player_id, share_no
select envelope_id, player_id, share_no from claims where envelope_id = any($1::uuid[])
