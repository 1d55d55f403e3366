-- Notes that a key was used; of several servers, one a minute does.
-- Params: $1 id, $2 time
-- Returns: nothing
update api_keys set last_used_at = $2
where id = $1 and (last_used_at is null or last_used_at <= $2::timestamptz - interval '1 minute')
