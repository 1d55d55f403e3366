-- Live envelopes that were loaded into a gate (loading raises the epoch), a page by id, and what the budgets over them
-- say: while one is frozen, and for a while after it was opened, reservations may rightly wait.
-- Params: $1 after id or null, $2 limit, $3 the only id or null
-- Returns: id, epoch, is_frozen or null, opened_at: when a budget was opened last, or null
select e.id, e.epoch, budget.is_frozen or c.is_stopped as is_frozen, budget.opened_at
from envelopes e
left join campaigns c on c.id = e.campaign_id
left join lateral (
  select bool_or(b.state = 'frozen') as is_frozen, max(b.since) filter (where b.state = 'open') as opened_at
  from budgets b
  where b.name in ('platform', 'platform:' || e.currency, 'merchant:' || e.hider_id,
    'merchant:' || e.hider_id || ':' || e.currency, 'campaign:' || e.campaign_id,
    'campaign:' || e.campaign_id || ':' || e.currency)
) budget on true
where e.state = 'live' and e.epoch > 1 and ($1::uuid is null or e.id > $1)
  and ($3::uuid is null or e.id = $3)
order by e.id limit $2
