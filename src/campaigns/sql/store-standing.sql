-- Moves a locked campaign, or stops and starts its payouts.
-- Params: $1 id, $2 state, $3 is stopped, $4 when it ended or null
-- Returns: nothing
update campaigns set state = $2, is_stopped = $3, ended_at = $4 where id = $1
