-- Ids of the service requests that a provider was accepted for and has not dropped, the latest first.
-- Params: $1 provider, $2 time and $3 id of the row before, $4 rows
-- Returns: id
select request_id as id from service_request_acceptances
where provider_id = $1 and dropped_at is null and (accepted_at, request_id) < ($2::timestamptz, $3::uuid)
order by accepted_at desc, request_id desc
limit $4
