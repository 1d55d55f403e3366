-- Locks budgets in id order: after the envelopes, before the accounts.
-- Params: $1 ids
-- Returns: the rows as they are once the lock is granted
select id, kind, owner_id, currency, state, reason, since, total_cap, hour_cap, counted_since, used_total, used_hour,
  hour_at, created_at
from budgets where id = any($1::uuid[]) order by id for no key update
