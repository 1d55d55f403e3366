-- Service requests that the clock has to act on, the longest due first.
-- Params: $1 states, $2 now, $3 limit
-- Returns: id
select id from service_requests
where due_at is not null and due_at <= $2 and state = any($1::text[])
order by due_at, id
limit $3
