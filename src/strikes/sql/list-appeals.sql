-- The appeals in one state, newest first.
-- Params: $1 state, $2 time and $3 id of the row before, $4 rows
-- Returns: id, player_id, text, state, reason, created_at, ended_at
select id, player_id, text, state, reason, created_at, ended_at from appeals
where state = $1 and (created_at, id) < ($2::timestamptz, $3::uuid)
order by created_at desc, id desc limit $4
