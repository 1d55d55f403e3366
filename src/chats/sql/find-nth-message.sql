-- When one side of a chat said its n-th newest message.
-- Params: $1 service request, $2 provider, $3 side, $4 n - 1
-- Returns: at, or no row
select said_at as at from chat_messages
where request_id = $1 and provider_id = $2 and side = $3
order by no desc
offset $4 limit 1
