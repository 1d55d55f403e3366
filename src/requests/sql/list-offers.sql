-- Offers for a service request, oldest first, after the last one seen.
-- Params: $1 service request, $2 created of the last one seen or null, $3 its id, $4 rows
-- Returns: id, request_id, provider_id, note, device_id, created_at, withdrawn_at
select id, request_id, provider_id, note, device_id, created_at, withdrawn_at from service_request_offers
where request_id = $1 and ($2::timestamptz is null or (created_at, id) > ($2, $3::uuid))
order by created_at, id
limit $4
