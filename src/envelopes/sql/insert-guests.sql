-- The players that a new envelope is for; an unknown one violates envelope_guests_player_id_fkey.
-- Params: $1 envelope, $2 players
-- Returns: nothing
insert into envelope_guests (envelope_id, player_id) select $1, unnest($2::uuid[])
