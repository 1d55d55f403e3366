-- Freezes or opens locked budgets.
-- Params: $1 ids, $2 state, $3 reason, $4 now
-- Returns: nothing
update budgets set state = $2, reason = $3, since = $4 where id = any($1::uuid[])
