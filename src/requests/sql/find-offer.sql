-- One offer.
-- Params: $1 id
-- Returns: id, request_id, provider_id, note, device_id, created_at, withdrawn_at
select id, request_id, provider_id, note, device_id, created_at, withdrawn_at from service_request_offers
where id = $1
