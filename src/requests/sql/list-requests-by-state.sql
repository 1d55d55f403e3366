-- Ids of service requests in a state, newest first.
-- Params: $1 state, $2 time and $3 id of the row before, $4 rows
-- Returns: id
select id from service_requests
where state = $1 and (created_at, id) < ($2::timestamptz, $3::uuid)
order by created_at desc, id desc
limit $4
