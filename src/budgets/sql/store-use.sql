-- What is used of locked budgets, and which of them froze over it.
-- Params: $1 ids, $2 used in total, $3 used in the hour, $4 hours, $5 states, $6 reasons, $7 since
-- Returns: nothing
update budgets b set used_total = now.used_total, used_hour = now.used_hour, hour_at = now.hour_at,
  state = now.state, reason = now.reason, since = now.since
from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::text[], $6::text[], $7::timestamptz[])
  as now (id, used_total, used_hour, hour_at, state, reason, since)
where b.id = now.id
