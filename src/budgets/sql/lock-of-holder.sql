-- Locks all budgets of one holder, in id order.
-- Params: $1 kind, $2 owner or null
-- Returns: the rows as they are once the lock is granted
select id, kind, owner_id, currency, state, reason, since, total_cap, hour_cap, counted_since, used_total, used_hour,
  hour_at, created_at
from budgets where kind = $1 and owner_id is not distinct from $2::uuid order by id for no key update
