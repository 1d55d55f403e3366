-- Moves forward how far one side of a chat has read, to the last message at most.
-- Params: $1 service request, $2 provider, $3 side, $4 number
-- Returns: messages, or no row where it was read so far before
update chats set
  read_by_poster = case when $3 = 'poster' then least(messages, $4::int) else read_by_poster end,
  read_by_provider = case when $3 = 'provider' then least(messages, $4::int) else read_by_provider end
where request_id = $1 and provider_id = $2
  and least(messages, $4::int) > case when $3 = 'poster' then read_by_poster else read_by_provider end
returning messages
