-- Locks dead letters for a replay: those named, or the oldest.
-- Params: $1 ids or null, $2 limit
-- Returns: id, entry
select id, entry from dead_letters
where $1::uuid[] is null or id = any($1)
order by updated_at, id limit $2 for update
