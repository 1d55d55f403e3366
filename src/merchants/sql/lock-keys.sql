-- Lets one transaction at a time add keys to a merchant; the role may not lock the merchant's row.
-- Params: $1 lock number
-- Returns: nothing
select pg_advisory_xact_lock($1::bigint)
