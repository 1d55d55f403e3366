-- What a player reported of an envelope.
-- Params: $1 envelope, $2 player
-- Returns: the report, or no row
select id, envelope_id, player_id, reason, created_at from envelope_reports where envelope_id = $1 and player_id = $2
