-- The strikes of many players that count now: what Redis forgot.
-- Params: $1 players, $2 now
-- Returns: player_id, expires_at
select player_id, expires_at from player_strikes
where player_id = any($1::uuid[]) and expires_at > $2 and lifted_at is null
