-- Adds a key by the hash of its secret.
-- Params: $1 id, $2 merchant, $3 prefix, $4 hash, $5 scopes, $6 time
-- Returns: nothing
insert into api_keys (id, merchant_id, prefix, hash, scopes, created_at) values ($1, $2, $3, $4, $5, $6)
