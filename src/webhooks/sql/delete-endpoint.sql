-- From here on an endpoint is nobody's: nothing finds it and nothing is sent to it. What it has goes later, in batches.
-- Params: $1 id, $2 now
-- Returns: nothing
update webhook_endpoints set owner = 'deleted:' || owner, state = 'disabled', disabled_at = coalesce(disabled_at, $2),
  disabled_reason = coalesce(disabled_reason, 'by_owner'), url = '-', description = null, secret = '-',
  previous_secret = null, previous_until = null
where id = $1
