-- Notes a failed attempt of an outbox entry.
-- Params: $1 partition, $2 Redis identity, $3 entry id, $4 entry, $5 fault, $6 attempts, $7 buried, $8 time
-- Returns: nothing
insert into dead_letters (partition, redis_identity, entry_id, entry, fault, attempts, buried_at, updated_at)
values ($1, $2, $3, $4::jsonb, $5, $6, case when $7::boolean then $8::timestamptz end, $8)
on conflict (partition, redis_identity, entry_id) do update set
  fault = excluded.fault, attempts = excluded.attempts, buried_at = excluded.buried_at, updated_at = excluded.updated_at
