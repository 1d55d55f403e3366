-- Makes the first delivery of each queue due, where none of it is. The endpoints are locked.
-- Params: $1 endpoints, $2 subjects, $3 now
-- Returns: nothing
update webhook_deliveries d set due_at = $3
from (
  select head.id from unnest($1::uuid[], $2::uuid[]) as queue (endpoint_id, subject_id)
  cross join lateral (
    select id from webhook_deliveries w
    where w.endpoint_id = queue.endpoint_id and w.subject_id = queue.subject_id and w.state = 'waiting'
    order by w.position limit 1
  ) head
  where not exists (
    select from webhook_deliveries due
    where due.endpoint_id = queue.endpoint_id and due.subject_id = queue.subject_id and due.due_at is not null)
) next
where d.id = next.id
