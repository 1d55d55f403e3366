-- A page of budgets, the newest first.
-- Params: $1 limit, $2 created of the last one seen or null, $3 its id
-- Returns: budgets
select id, kind, owner_id, currency, state, reason, since, total_cap, hour_cap, counted_since, used_total, used_hour,
  hour_at, created_at
from budgets where $2::timestamptz is null or (created_at, id) < ($2, $3::uuid)
order by created_at desc, id desc limit $1
