-- Revokes a key of this merchant, once: a key that is revoked already keeps its time.
-- Params: $1 id, $2 merchant, $3 time
-- Returns: id, merchant_id, prefix, scopes, created_at, last_used_at, revoked_at
update api_keys set revoked_at = coalesce(revoked_at, $3)
where id = $1 and merchant_id = $2
returning id, merchant_id, prefix, scopes, created_at, last_used_at, revoked_at
