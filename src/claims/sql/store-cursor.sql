-- Stores how far the sweeper got; called after the marks, never before.
-- Params: $1 partition, $2 Redis identity, $3 entry id, $4 time
-- Returns: nothing
insert into outbox_cursors (partition, redis_identity, entry_id, updated_at) values ($1, $2, $3, $4)
on conflict (partition, redis_identity) do update set entry_id = excluded.entry_id, updated_at = excluded.updated_at
