-- Entries that settled after all.
-- Params: $1 partition, $2 Redis identity, $3 entry ids
-- Returns: nothing
delete from dead_letters where partition = $1 and redis_identity = $2 and entry_id = any($3::text[])
