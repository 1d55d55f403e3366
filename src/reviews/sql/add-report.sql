-- Adds a player's report; the primary key refuses a second one.
-- Params: $1 review, $2 reporter, $3 device or null, $4 reason, $5 now
-- Returns: nothing
insert into review_reports (review_id, reporter_id, device_id, reason, reported_at) values ($1, $2, $3, $4, $5)
