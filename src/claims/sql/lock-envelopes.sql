-- Locks envelopes in id order, the first lock of every settlement, and tells which budgets over them have a cap: nearly
-- always none, so that no other row is locked; those that have are locked and read again before they decide. What may
-- change while this waits for a lock is not read here: freezes and pauses are for the statement after it.
-- Params: $1 ids
-- Returns: the rows as they are once the lock is granted, ids of capped budgets or null, and of the campaign, if any:
--          campaign_id, wins_per_player, which never changes once its envelopes are there
select e.id, e.state, e.epoch, e.opens_at, e.expires_at, e.currency, e.share_count, e.claimed_shares, e.hider_kind,
  e.hider_id, e.cell_r7, budget.capped, c.id as campaign_id, c.wins_per_player
from envelopes e
left join campaigns c on c.id = e.campaign_id
left join lateral (
  select array_agg(b.id) as capped from budgets b
  where (b.total_cap is not null or b.hour_cap is not null) and b.name in ('platform',
    'platform:' || e.currency, 'merchant:' || e.hider_id, 'merchant:' || e.hider_id || ':' || e.currency,
    'campaign:' || e.campaign_id, 'campaign:' || e.campaign_id || ':' || e.currency)
) budget on true
where e.id = any($1::uuid[]) order by e.id for no key update of e
