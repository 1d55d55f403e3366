-- Makes a chat where there is none, and takes its row lock: whoever says something waits for who does already.
-- Params: $1 service request, $2 provider
-- Returns: messages, the last number
insert into chats (request_id, provider_id) values ($1, $2)
on conflict (request_id, provider_id) do update set messages = chats.messages
returning messages
