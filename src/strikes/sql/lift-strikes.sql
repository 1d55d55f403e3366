-- Lifts the strikes of a player that count and were given up to a moment.
-- Params: $1 player, $2 given until, $3 now
-- Returns: nothing
update player_strikes set lifted_at = $3
where player_id = $1 and given_at <= $2 and expires_at > $3 and lifted_at is null
