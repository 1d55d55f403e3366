-- One message.
-- Params: $1 id
-- Returns: id, request_id, provider_id, no, side, client_id, text, said_at
select id, request_id, provider_id, no, side, client_id, text, said_at from chat_messages where id = $1
