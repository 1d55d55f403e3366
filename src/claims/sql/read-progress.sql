-- How far the sweeper got in every partition of one Redis, and where dead letters wait to be tried again.
-- Params: $1 Redis identity
-- Returns: partition, entry_id or null, has_retries
select partition, max(entry_id) as entry_id, bool_or(is_retry) as has_retries
from (
  select partition, entry_id, false as is_retry from outbox_cursors where redis_identity = $1
  union all
  select partition, null, true from dead_letters where redis_identity = $1 and buried_at is null
) progress group by partition
