-- Makes a delivery that has ended wait again, with all its attempts before it.
-- Params: $1 delivery
-- Returns: nothing
update webhook_deliveries set state = 'waiting', failures = 0, ended_at = null where id = $1 and state <> 'waiting'
