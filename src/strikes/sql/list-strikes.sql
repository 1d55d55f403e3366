-- The latest strikes of a player, newest first.
-- Params: $1 player
-- Returns: id, player_id, reason, figures, given_at, expires_at, lifted_at
select id, player_id, reason, figures, given_at, expires_at, lifted_at from player_strikes
where player_id = $1 order by given_at desc, id desc limit 100
