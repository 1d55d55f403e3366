-- When a provider gave back, or let lapse, their n-th newest service request of those.
-- Params: $1 provider, $2 n - 1
-- Returns: at, or no row
select dropped_at as at from service_request_acceptances
where provider_id = $1 and dropped_at is not null
order by dropped_at desc
offset $2 limit 1
