-- Offers for a service request that stand, but for one provider's.
-- Params: $1 service request, $2 provider or null
-- Returns: id, request_id, provider_id, note, device_id, created_at, withdrawn_at
select id, request_id, provider_id, note, device_id, created_at, withdrawn_at from service_request_offers
where request_id = $1 and withdrawn_at is null and provider_id is distinct from $2::uuid
