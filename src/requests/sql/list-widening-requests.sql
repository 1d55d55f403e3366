-- Open service requests that are to be shown farther away, the longest due first.
-- Params: $1 now, $2 limit
-- Returns: id
select id from service_requests where widens_at is not null and widens_at <= $1 order by widens_at, id limit $2
