-- When a provider was told their n-th newest exact place.
-- Params: $1 provider, $2 n - 1
-- Returns: at, or no row
select accepted_at as at from service_request_acceptances
where provider_id = $1
order by accepted_at desc, request_id desc
offset $2 limit 1
