-- How far the two of a chat have read it.
-- Params: $1 service request, $2 provider
-- Returns: read_by_poster, read_by_provider, or no row where nothing was said
select read_by_poster, read_by_provider from chats where request_id = $1 and provider_id = $2
