-- One delivery of an endpoint, with its event.
-- Params: $1 delivery, $2 endpoint
-- Returns: the delivery and its event
select d.id, d.subject_id, d.state, d.failures, d.created_at, d.due_at, d.ended_at, e.id as event_id, e.type, e.owner,
  e.facts, e.at
from webhook_deliveries d join webhook_events e using (position)
where d.id = $1 and d.endpoint_id = $2
