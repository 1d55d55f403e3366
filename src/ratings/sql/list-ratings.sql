-- The ratings of a service request, the poster's first.
-- Params: $1 service request
-- Returns: request_id, side, rated_id, stars, text, rated_at, tells_at
select request_id, side, rated_id, stars, text, rated_at, tells_at from ratings where request_id = $1 order by side
