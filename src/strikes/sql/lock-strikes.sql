-- One at a time for each player: whether a strike or an appeal is due must not change before it is added.
-- Params: $1 lock number
-- Returns: nothing
select pg_advisory_xact_lock($1)
