-- Reports of one player, one after the other: of several at once none is counted too late.
-- Params: $1 number of the lock
-- Returns: nothing of use
select pg_advisory_xact_lock($1::bigint)
