-- A test event for one endpoint, with its delivery; whatever types the endpoint asks for.
-- Params: $1 endpoint, $2 owner, $3 type, $4 facts, $5 now
-- Returns: id of the delivery
with event as (
  insert into webhook_events (owner, type, subject_id, facts, at, is_new) values ($2, $3, $1, $4::jsonb, $5, false)
  returning position
)
insert into webhook_deliveries (endpoint_id, position, subject_id, created_at) select $1, position, $1, $5 from event
returning id
