-- Holds a service request as it is until the transaction ends; several may hold it at once. Read it in a statement after.
-- Params: $1 id
-- Returns: id
select id from service_requests where id = $1 for share
