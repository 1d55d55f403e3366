-- Those of these keys that are not revoked.
-- Params: $1 ids
-- Returns: id
select id from api_keys where id = any($1::uuid[]) and revoked_at is null
