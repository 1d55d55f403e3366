-- Whether an envelope is for a player.
-- Params: $1 envelope, $2 player
-- Returns: player_id, or no row
select player_id from envelope_guests where envelope_id = $1 and player_id = $2
