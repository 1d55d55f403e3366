-- Withdraws an offer, or leaves the one that is withdrawn.
-- Params: $1 service request, $2 provider, $3 now
-- Returns: nothing
update service_request_offers set withdrawn_at = $3
where request_id = $1 and provider_id = $2 and withdrawn_at is null
