-- The same for all endpoints of some owners.
-- Params: $1 owners
-- Returns: id
select id from webhook_endpoints where owner = any($1::text[]) order by id for no key update
