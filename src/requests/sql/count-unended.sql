-- How many service requests of a poster have not ended.
-- Params: $1 poster
-- Returns: unended
select count(*)::int as unended from service_requests where poster_id = $1 and ended_at is null
