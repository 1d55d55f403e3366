-- The latest appeal of a player.
-- Params: $1 player
-- Returns: id, player_id, text, state, reason, created_at, ended_at
select id, player_id, text, state, reason, created_at, ended_at from appeals
where player_id = $1 order by created_at desc, id desc limit 1
