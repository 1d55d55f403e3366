-- The endpoints of an owner, oldest first.
-- Params: $1 owner
-- Returns: endpoints
select id, owner, url, types, description, disabled_reason, disabled_at, secret, previous_secret, previous_until,
  failing_since, created_at
from webhook_endpoints where owner = $1 order by created_at, id
