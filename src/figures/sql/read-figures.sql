-- The counters of a campaign: one statement, so that envelopes, claims and balances are those of one moment. Money is
-- what the accounts hold; what was won is counted by the settlement in the rows of the envelopes.
-- Params: $1 campaign
-- Returns: state, currency, the counters, and waits in ms (shortest, median, nine tenths) or null
select c.state, c.currency,
  coalesce(funds.funded, 0)::bigint as funded, coalesce(funds.returned, 0)::bigint as returned,
  coalesce(own.held, 0)::bigint as available, drops.to_place, drops.held as in_drops,
  e.placed, e.waiting, e.live, e.empty, e.expired, e.closed, e.frozen, e.found, e.shares, e.claimed_shares, e.claimed,
  e.held as in_envelopes, e.waits, reveals.revealed
from campaigns c
left join lateral (
  select a.id, a.credits - a.debits as held from accounts a
  where a.kind = 'campaign' and a.owner_id = c.id and a.currency = c.currency
) own on true
left join lateral (
  select sum(t.amount) filter (where t.kind = 'campaign_funding') as funded,
    sum(t.amount) filter (where t.kind = 'campaign_refund') as returned
  from (
    select kind, amount from transfers where debit_account = own.id and kind = 'campaign_refund'
    union all
    select kind, amount from transfers where credit_account = own.id and kind = 'campaign_funding'
  ) t
) funds on true
cross join lateral (
  select coalesce(sum(d.envelopes - d.placed) filter (where d.state = 'filling'), 0)::int as to_place,
    coalesce(sum(a.credits - a.debits), 0)::bigint as held
  from drops d left join accounts a on a.kind = 'drop' and a.owner_id = d.id and a.currency = c.currency
  where d.campaign_id = c.id
) drops
cross join lateral (
  select count(*)::int as placed,
    (count(*) filter (where e.state = 'funded'))::int as waiting,
    (count(*) filter (where e.state = 'live'))::int as live,
    (count(*) filter (where e.state = 'empty'))::int as empty,
    (count(*) filter (where e.state = 'expired'))::int as expired,
    (count(*) filter (where e.state = 'closed'))::int as closed,
    (count(*) filter (where e.state = 'frozen'))::int as frozen,
    (count(*) filter (where e.claimed_shares > 0))::int as found,
    coalesce(sum(e.share_count), 0)::int as shares,
    coalesce(sum(e.claimed_shares), 0)::int as claimed_shares,
    coalesce(sum(e.claimed_amount), 0)::bigint as claimed,
    coalesce(sum(a.credits - a.debits), 0)::bigint as held,
    percentile_disc(array[0, 0.5, 0.9]) within group (order by
      extract(epoch from e.first_claimed_at - e.opens_at)::float8 * 1000) as waits
  from envelopes e left join accounts a on a.kind = 'escrow' and a.owner_id = e.id and a.currency = e.currency
  where e.campaign_id = c.id and e.drop_id is not null
) e
cross join lateral (
  select coalesce(sum(r.reveals), 0)::int as revealed from campaign_reveals r where r.campaign_id = c.id
) reveals
where c.id = $1 and c.state is not null
