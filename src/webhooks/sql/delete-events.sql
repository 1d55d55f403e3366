-- Deletes events, with their deliveries and attempts.
-- Params: $1 positions
-- Returns: nothing
delete from webhook_events where position = any($1::bigint[])
