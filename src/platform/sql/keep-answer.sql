-- Keeps an answer in the transaction of its effect.
-- Params: $1 tenant, $2 operation, $3 key, $4 fingerprint, $5 status, $6 body, $7 time
-- Returns: nothing
insert into idempotent_answers (tenant, operation, key, fingerprint, status, body, created_at)
values ($1, $2, $3, $4, $5, $6::jsonb, $7)
