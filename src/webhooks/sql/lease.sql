-- Leases what is due at locked endpoints, the longest due first: until the lease is over nobody else sends it.
-- Params: $1 endpoints, $2 now, $3 until when, $4 limit, $5 under way at one endpoint at most, $6 of one owner
-- Returns: the deliveries with their events and endpoints
with ripe as (
  select d.id, d.due_at, p.owner from webhook_endpoints p
  cross join lateral (
    select w.id, w.due_at from webhook_deliveries w
    where w.endpoint_id = p.id and w.due_at <= $2
    order by w.due_at, w.position
    limit greatest(0, $5::int
      - (select count(*) from webhook_deliveries l where l.endpoint_id = p.id and l.leased_until > $2))
    for no key update skip locked
  ) d
  where p.id = any($1::uuid[]) and p.state = 'active'
), busy as (
  select o.owner, count(*) as deliveries from webhook_endpoints o join webhook_deliveries l on l.endpoint_id = o.id
  where l.leased_until > $2 and o.owner in (select owner from ripe) group by o.owner
), fair as (
  select placed.id from (
    select id, due_at, owner, row_number() over (partition by owner order by due_at, id) as place from ripe
  ) placed left join busy using (owner)
  where placed.place + coalesce(busy.deliveries, 0) <= $6::int
  order by placed.due_at limit $4
)
update webhook_deliveries d set lease = d.lease + 1, leased_until = $3, due_at = $3
from fair, webhook_events e, webhook_endpoints p
where d.id = fair.id and e.position = d.position and p.id = d.endpoint_id
returning d.id, d.lease, d.leased_until, d.failures, p.id as endpoint_id, p.url, p.secret, p.previous_secret,
  p.previous_until, e.id as event_id, e.owner, e.type, e.subject_id, e.facts, e.at
