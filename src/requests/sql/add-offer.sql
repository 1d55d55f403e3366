-- Adds an offer; the same provider's for the same request is there already or is this one.
-- Params: $1 id, $2 service request, $3 provider, $4 note, $5 device or null, $6 created
-- Returns: nothing
insert into service_request_offers (id, request_id, provider_id, note, device_id, created_at)
values ($1, $2, $3, $4, $5, $6)
