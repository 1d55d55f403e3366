-- An appeal, locked: it ends once.
-- Params: $1 id
-- Returns: id, player_id, text, state, reason, created_at, ended_at
select id, player_id, text, state, reason, created_at, ended_at from appeals where id = $1 for no key update
