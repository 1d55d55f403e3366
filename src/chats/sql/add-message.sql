-- Adds the next message of a chat that is locked.
-- Params: $1 id, $2 service request, $3 provider, $4 number, $5 side, $6 client's id, $7 text, $8 now
-- Returns: nothing
with counted as (update chats set messages = $4 where request_id = $2 and provider_id = $3)
insert into chat_messages (id, request_id, provider_id, no, side, client_id, text, said_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)
