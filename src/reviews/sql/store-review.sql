-- Replaces what can change of a locked review.
-- Params: $1 id, $2 state, $3 reason, $4 reviewer, $5 reports, $6 appeal, $7 due, $8 judged
-- Returns: nothing
update reviews
set state = $2, reason = $3, decided_by = $4, reports = $5, appeal = $6, due_at = $7, judged_at = $8
where id = $1
