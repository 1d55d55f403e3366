-- Adds an open appeal.
-- Params: $1 id, $2 player, $3 text, $4 time
-- Returns: nothing
insert into appeals (id, player_id, text, state, created_at) values ($1, $2, $3, 'open', $4)
