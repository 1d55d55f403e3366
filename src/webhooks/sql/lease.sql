-- Leases what is due at locked endpoints, the longest due first: until the lease is over nobody else sends it.
-- Params: $1 endpoints, $2 now, $3 until when, $4 limit, $5 under way at one endpoint at most
-- Returns: the deliveries with their events and endpoints
with ripe as (
  select d.id from webhook_endpoints p
  cross join lateral (
    select w.id, w.due_at from webhook_deliveries w
    where w.endpoint_id = p.id and w.due_at <= $2
    order by w.due_at, w.position
    limit greatest(0, $5::int
      - (select count(*) from webhook_deliveries l where l.endpoint_id = p.id and l.leased_until > $2))
    for no key update skip locked
  ) d
  where p.id = any($1::uuid[]) and p.state = 'active'
  order by d.due_at limit $4
)
update webhook_deliveries d set lease = d.lease + 1, leased_until = $3, due_at = $3
from ripe, webhook_events e, webhook_endpoints p
where d.id = ripe.id and e.position = d.position and p.id = d.endpoint_id
returning d.id, d.lease, d.failures, p.id as endpoint_id, p.url, p.secret, p.previous_secret, p.previous_until,
  e.id as event_id, e.owner, e.type, e.subject_id, e.facts, e.at
