-- Takes an advisory lock until the transaction ends, or says that another holds it.
-- Params: $1 lock number
-- Returns: locked
select pg_try_advisory_xact_lock($1::bigint) as locked
