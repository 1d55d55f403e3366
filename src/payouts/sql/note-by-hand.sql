-- No provider will take it: it waits for the operator.
-- Params: $1 id
-- Returns: nothing
update payouts set next_try_at = null where id = $1 and state = 'reserved'
