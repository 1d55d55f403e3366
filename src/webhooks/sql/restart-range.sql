-- Makes what happened in a time range wait again, the oldest first, and what was never handed to this endpoint wait for
-- the first time. The endpoint is locked.
-- Params: $1 endpoint, $2 from, $3 to, $4 also what was delivered, $5 now, $6 limit
-- Returns: subject_id, at
with missed as (
  select e.position, e.subject_id, e.at, d.id
  from webhook_endpoints p
  join webhook_events e on e.owner = p.owner and e.type = any (p.types) and e.at >= $2 and e.at < $3 and not e.is_new
  left join webhook_deliveries d on d.position = e.position and d.endpoint_id = p.id
  where p.id = $1 and (d.id is null or d.state = 'dead' or ($4::boolean and d.state = 'delivered'))
  order by e.at, e.position limit $6
), restarted as (
  update webhook_deliveries d set state = 'waiting', failures = 0, ended_at = null from missed where d.id = missed.id
), added as (
  insert into webhook_deliveries (endpoint_id, position, subject_id, created_at)
  select $1, position, subject_id, $5 from missed where id is null
)
select subject_id, at from missed order by at, position
