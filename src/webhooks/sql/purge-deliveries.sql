-- Deletes deliveries of deleted endpoints, with their attempts.
-- Params: $1 limit
-- Returns: id
delete from webhook_deliveries where id in (
  select d.id from webhook_endpoints p join webhook_deliveries d on d.endpoint_id = p.id
  where p.owner like 'deleted:%' limit $1)
returning id
