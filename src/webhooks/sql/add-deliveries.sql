-- Hands events to the active endpoints of their owners that ask for them; their owners' endpoints are locked.
-- Params: $1 positions, $2 now
-- Returns: endpoint_id, subject_id
insert into webhook_deliveries (endpoint_id, position, subject_id, created_at)
select p.id, e.position, e.subject_id, $2
from webhook_events e
join webhook_endpoints p on p.owner = e.owner and p.state = 'active' and e.type = any (p.types)
where e.position = any($1::bigint[]) order by e.position
on conflict (position, endpoint_id) do nothing
returning endpoint_id, subject_id
