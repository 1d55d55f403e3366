-- One endpoint.
-- Params: $1 id
-- Returns: the endpoint
select id, owner, url, types, description, disabled_reason, disabled_at, secret, previous_secret, previous_until,
  failing_since, created_at
from webhook_endpoints where id = $1
