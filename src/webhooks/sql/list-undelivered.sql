-- The same for those that wait or are dead, however few they are.
-- Params: $1 endpoint, $2 state, $3 before this time, $4 before this id, $5 limit
-- Returns: deliveries with their event's id and type
select d.id, d.subject_id, d.state, d.failures, d.created_at, d.due_at, d.ended_at, e.id as event_id, e.type
from webhook_deliveries d join webhook_events e using (position)
where d.endpoint_id = $1 and d.state <> 'delivered' and d.state = $2
  and (d.created_at, d.id) < ($3::timestamptz, $4::uuid)
order by d.created_at desc, d.id desc limit $5
