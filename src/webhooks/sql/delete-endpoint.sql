-- Deletes an endpoint, and with it its deliveries and their attempts.
-- Params: $1 id
-- Returns: nothing
delete from webhook_endpoints where id = $1
