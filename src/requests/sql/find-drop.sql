-- Whether a provider has dropped a service request.
-- Params: $1 service request, $2 provider
-- Returns: provider_id, or no row
select provider_id from service_request_acceptances
where request_id = $1 and provider_id = $2 and dropped_at is not null
