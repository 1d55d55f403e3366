-- Notes that a provider is out of a service request.
-- Params: $1 service request, $2 provider, $3 now
-- Returns: nothing
update service_request_acceptances set dropped_at = $3
where request_id = $1 and provider_id = $2 and dropped_at is null
