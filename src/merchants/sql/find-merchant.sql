-- One merchant.
-- Params: $1 id
-- Returns: id, name, created_at
select id, name, created_at from merchants where id = $1
