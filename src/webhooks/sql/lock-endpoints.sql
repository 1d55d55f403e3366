-- Takes the row locks under which the queues of endpoints are changed, in order of id.
-- Params: $1 ids
-- Returns: id
select id from webhook_endpoints where id = any($1::uuid[]) order by id for no key update
