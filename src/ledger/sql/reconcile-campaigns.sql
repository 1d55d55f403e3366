-- Campaigns whose budget was not funded once, or is not what was won, came home, and is held by the campaign, its drops
-- and their envelopes; settled ones that hold anything; and drops that hold other than what they have still to place.
-- Params: none
-- Returns: campaign, state, budget, funded, won, refunded, held, wrong_drops; found = how many in all
with moved as (
  select a.owner_id as campaign_id, sum(t.amount) filter (where t.kind = 'campaign_funding') as funded,
    sum(t.amount) filter (where t.kind = 'campaign_refund') as refunded
  from accounts a join transfers t on a.id in (t.debit_account, t.credit_account)
  where a.kind = 'campaign' and t.kind in ('campaign_funding', 'campaign_refund') group by a.owner_id
), envelopes_of as (
  select e.campaign_id, sum(a.credits - a.debits) as held, sum(coalesce(w.won, 0)) as won
  from envelopes e
  join accounts a on a.kind = 'escrow' and a.owner_id = e.id
  left join (select envelope_id, sum(amount) as won from claims group by envelope_id) w on w.envelope_id = e.id
  where e.drop_id is not null group by e.campaign_id
), drops_of as (
  select d.campaign_id, sum(coalesce(a.credits - a.debits, 0)) as held,
    count(*) filter (where coalesce(a.credits - a.debits, 0) <> case
      when d.state in ('filling', 'undoing') then d.cost / d.envelopes * (d.envelopes - d.placed) else 0 end
    ) as wrong
  from drops d left join accounts a on a.kind = 'drop' and a.owner_id = d.id group by d.campaign_id
), held as (
  select owner_id as campaign_id, credits - debits as held from accounts where kind = 'campaign'
), sums as (
  select c.id as campaign, c.state, c.budget, c.settled_at, coalesce(m.funded, 0) as funded,
    coalesce(m.refunded, 0) as refunded, coalesce(e.won, 0) as won, coalesce(d.wrong, 0) as wrong_drops,
    coalesce(h.held, 0) + coalesce(e.held, 0) + coalesce(d.held, 0) as held
  from campaigns c
  left join moved m on m.campaign_id = c.id
  left join envelopes_of e on e.campaign_id = c.id
  left join drops_of d on d.campaign_id = c.id
  left join held h on h.campaign_id = c.id
  where c.state is not null
)
select campaign, state, budget::text, funded::text, won::text, refunded::text, held::text, wrong_drops,
  count(*) over () as found
from sums
where funded not in (0, budget)
  or (budget > 0 and (funded = 0) <> (state = 'draft' or (state = 'ended' and held + won + refunded = 0)))
  or funded <> won + refunded + held or (settled_at is not null and held <> 0) or wrong_drops > 0
order by campaign limit 10
