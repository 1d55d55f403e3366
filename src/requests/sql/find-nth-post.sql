-- When a player posted their n-th newest service request.
-- Params: $1 poster, $2 n - 1
-- Returns: at, or no row
select created_at as at from service_requests where poster_id = $1 order by created_at desc, id desc offset $2 limit 1
