-- The states of some service requests.
-- Params: $1 ids
-- Returns: id, state
select id, state from service_requests where id = any($1::uuid[])
