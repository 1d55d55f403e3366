-- Waits for an advisory lock, held until the transaction ends.
-- Params: $1 lock number
-- Returns: nothing of use
select pg_advisory_xact_lock($1::bigint)
