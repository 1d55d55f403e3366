-- Makes what happened in a time range wait again, the oldest first, what was never handed to this endpoint wait for the
-- first time, and what waits for another attempt due. The endpoint is locked. A long range is looked at in parts.
-- Params: $1 endpoint, $2 from, $3 to, $4 also what was delivered, $5 now, $6 limit, $7 events to look at, at most
-- Returns: looked_at, looked_to; with each event that is sent again subject_id, at
with seen as (
  select e.position, e.subject_id, e.at, e.type = any (p.types) and not e.is_new as is_wanted
  from webhook_endpoints p join webhook_events e on e.owner = p.owner and e.at >= $2 and e.at < $3
  where p.id = $1 order by e.at, e.position limit $7
), missed as (
  select e.position, e.subject_id, e.at, d.id, d.state
  from seen e left join webhook_deliveries d on d.position = e.position and d.endpoint_id = $1
  where e.is_wanted and (d.id is null or d.state = 'dead' or ($4::boolean and d.state = 'delivered')
    or (d.due_at > $5 and d.leased_until is null))
  order by e.at, e.position limit $6
), restarted as (
  update webhook_deliveries d set state = 'waiting', failures = 0, ended_at = null,
    due_at = case d.state when 'waiting' then $5 end
  from missed where d.id = missed.id
), added as (
  insert into webhook_deliveries (endpoint_id, position, subject_id, created_at)
  select $1, position, subject_id, $5 from missed where id is null
)
select all_seen.looked_at, all_seen.looked_to, missed.subject_id, missed.at
from (select count(*)::int as looked_at, max(at) as looked_to from seen) all_seen left join missed on true
order by missed.at, missed.position
