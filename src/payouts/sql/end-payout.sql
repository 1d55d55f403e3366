-- Moves a locked payout to its end.
-- Params: $1 id, $2 state, $3 reason or null, $4 reference or null, $5 time
-- Returns: nothing
update payouts set state = $2, reason = $3, reference = coalesce($4, reference), ended_at = $5, next_try_at = null
where id = $1
