-- One at a time for each player: how many devices there are must not change before one is added.
-- Params: $1 lock number
-- Returns: nothing
select pg_advisory_xact_lock($1)
