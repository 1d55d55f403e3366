-- Locks active endpoints at which something is due, those that answer or those that fail; rows that others hold are
-- left to them.
-- Params: $1 now, $2 failing ones, $3 limit
-- Returns: id
select p.id from webhook_endpoints p
where p.state = 'active' and (p.failing_since is not null) = $2::boolean
  and exists (select from webhook_deliveries d where d.endpoint_id = p.id and d.due_at <= $1)
order by p.id limit $3 for no key update skip locked
