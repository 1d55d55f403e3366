-- One player.
-- Params: $1 id
-- Returns: id, time_scale, created_at
select id, time_scale, created_at from players where id = $1
