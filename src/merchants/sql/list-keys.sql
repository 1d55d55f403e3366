-- Keys of a merchant, newest first.
-- Params: $1 merchant
-- Returns: id, merchant_id, prefix, scopes, created_at, last_used_at, revoked_at
select id, merchant_id, prefix, scopes, created_at, last_used_at, revoked_at from api_keys
where merchant_id = $1
order by created_at desc, id desc
