-- Forgets a batch of answers that were kept long enough.
-- Params: $1 kept before, $2 limit
-- Returns: the keys forgotten
delete from idempotent_answers where (tenant, operation, key) in (
  select tenant, operation, key from idempotent_answers where created_at < $1 order by created_at limit $2
) returning key
