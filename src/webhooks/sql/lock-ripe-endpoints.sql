-- Locks active endpoints at which something is due, where neither they nor their owners have as much under way as there
-- may be: those that answer or those that fail, the longest waiting first; rows that others hold are left to them.
-- Params: $1 now, $2 failing ones, $3 limit, $4 under way at one endpoint at most, $5 of one owner
-- Returns: id
select p.id from webhook_endpoints p
cross join lateral (
  select due_at from webhook_deliveries where endpoint_id = p.id and due_at <= $1 order by due_at limit 1
) waiting
where p.state = 'active' and (p.failing_since is not null) = $2::boolean
  and (select count(*) from webhook_deliveries l where l.endpoint_id = p.id and l.leased_until > $1) < $4::int
  and (select count(*) from webhook_endpoints o join webhook_deliveries l on l.endpoint_id = o.id
    where o.owner = p.owner and l.leased_until > $1) < $5::int
order by waiting.due_at limit $3 for no key update of p skip locked
