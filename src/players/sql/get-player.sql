-- One player.
-- Params: $1 id
-- Returns: id, time_scale, created_at, banned_at, ban_reason
select id, time_scale, created_at, banned_at, ban_reason from players where id = $1
