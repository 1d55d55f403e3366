-- Holds a service request as it is until the transaction ends, as others may, too; read it in a statement after it.
-- Params: $1 id
-- Returns: id
select id from service_requests where id = $1 for share
