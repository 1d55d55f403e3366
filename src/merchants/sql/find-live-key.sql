-- The live key of a secret.
-- Params: $1 hash
-- Returns: id, merchant_id, prefix, scopes, created_at, last_used_at, revoked_at
select id, merchant_id, prefix, scopes, created_at, last_used_at, revoked_at from api_keys
where hash = $1 and revoked_at is null
