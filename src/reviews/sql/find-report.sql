-- Whether a player has reported a text.
-- Params: $1 review, $2 reporter
-- Returns: reporter_id, or no row
select reporter_id from review_reports where review_id = $1 and reporter_id = $2
