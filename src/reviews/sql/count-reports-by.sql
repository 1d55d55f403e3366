-- How many texts a player reported since a moment.
-- Params: $1 reporter, $2 since
-- Returns: found
select count(*)::int as found from review_reports where reporter_id = $1 and reported_at > $2
