-- Replaces what can change of an endpoint.
-- Params: $1 id, $2 URL, $3 types, $4 description, $5 why it is disabled or null, $6 since when, $7 sealed secret,
--         $8 the one before or null, $9 until when that signs, $10 failing since
-- Returns: nothing
update webhook_endpoints set url = $2, types = $3, description = $4, disabled_reason = $5, disabled_at = $6,
  state = case when $5::text is null then 'active' else 'disabled' end,
  secret = $7, previous_secret = $8, previous_until = $9, failing_since = $10
where id = $1
