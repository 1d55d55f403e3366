-- Locks envelopes in id order, the first lock of every settlement, and tells what the budgets over them say: nearly
-- always nothing, so that no other row is locked. Those with a cap are locked and read again before they decide.
-- Params: $1 ids
-- Returns: the rows as they are once the lock is granted, is_frozen or null, ids of capped budgets or null, and of the
--          campaign, if any: campaign_id, is_stopped, wins_per_player
select e.id, e.state, e.epoch, e.opens_at, e.expires_at, e.currency, e.share_count, e.claimed_shares, e.hider_kind,
  e.hider_id, e.cell_r7, budget.is_frozen, budget.capped, c.id as campaign_id, c.is_stopped, c.wins_per_player
from envelopes e
left join campaigns c on c.id = e.campaign_id
left join lateral (
  select bool_or(b.state = 'frozen') as is_frozen,
    array_agg(b.id) filter (where b.total_cap is not null or b.hour_cap is not null) as capped
  from budgets b
  where b.name in ('platform', 'platform:' || e.currency, 'merchant:' || e.hider_id,
    'merchant:' || e.hider_id || ':' || e.currency, 'campaign:' || e.campaign_id,
    'campaign:' || e.campaign_id || ':' || e.currency)
) budget on true
where e.id = any($1::uuid[]) order by e.id for no key update of e
