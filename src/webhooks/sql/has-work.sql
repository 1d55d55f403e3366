-- Whether an event has not been handed out, or a delivery is due.
-- Params: $1 now
-- Returns: has_work
select exists (select from webhook_events where is_new) or exists (
  select from webhook_endpoints p
  join webhook_deliveries d on d.endpoint_id = p.id and d.due_at <= $1 where p.state = 'active'
) as has_work
