-- Entries that failed before and may be tried again.
-- Params: $1 partition, $2 Redis identity
-- Returns: entry, attempts
select entry, attempts from dead_letters
where partition = $1 and redis_identity = $2 and buried_at is null order by entry_id limit 100
