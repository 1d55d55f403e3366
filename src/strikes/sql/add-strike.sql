-- Adds a strike.
-- Params: $1 id, $2 player, $3 reason, $4 figures, $5 given, $6 expires
-- Returns: nothing
insert into player_strikes (id, player_id, reason, figures, given_at, expires_at) values ($1, $2, $3, $4, $5, $6)
