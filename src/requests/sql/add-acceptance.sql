-- Notes that a provider is told the exact place of a service request; the primary key refuses a second time.
-- Params: $1 service request, $2 provider, $3 now
-- Returns: nothing
insert into service_request_acceptances (request_id, provider_id, accepted_at) values ($1, $2, $3)
