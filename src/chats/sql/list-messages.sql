-- Messages of a chat, newest first, from the one behind the last one seen on.
-- Params: $1 service request, $2 provider, $3 id of the last one seen or null, $4 rows
-- Returns: id, request_id, provider_id, no, side, client_id, text, said_at
select id, request_id, provider_id, no, side, client_id, text, said_at from chat_messages
where request_id = $1 and provider_id = $2
  and ($3::uuid is null or no < (select no from chat_messages where id = $3::uuid))
order by no desc
limit $4
