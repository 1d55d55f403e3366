-- Ids of a poster's service requests, newest first.
-- Params: $1 poster, $2 time and $3 id of the row before, $4 rows
-- Returns: id
select id from service_requests
where poster_id = $1 and (created_at, id) < ($2::timestamptz, $3::uuid)
order by created_at desc, id desc
limit $4
