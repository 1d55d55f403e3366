-- Ends an appeal.
-- Params: $1 id, $2 state, $3 reason, $4 time
-- Returns: nothing
update appeals set state = $2, reason = $3, ended_at = $4 where id = $1
