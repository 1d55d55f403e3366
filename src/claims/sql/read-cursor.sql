-- How far the sweeper got in one partition of one Redis.
-- Params: $1 partition, $2 Redis identity
-- Returns: entry_id
select entry_id from outbox_cursors where partition = $1 and redis_identity = $2
