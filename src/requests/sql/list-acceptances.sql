-- Everybody who had a service request in hand, the latest first.
-- Params: $1 service request
-- Returns: provider_id, accepted_at, dropped_at
select provider_id, accepted_at, dropped_at from service_request_acceptances
where request_id = $1
order by accepted_at desc, dropped_at desc nulls first
