-- The kept answer of an idempotency key.
-- Params: $1 tenant, $2 operation, $3 key
-- Returns: fingerprint, status, body
select fingerprint, status, body from idempotent_answers where tenant = $1 and operation = $2 and key = $3
