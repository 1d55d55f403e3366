-- Envelopes that were not funded once with their total (never, where they hold coupons), or whose total is not claims +
-- refund + escrow.
-- Params: $1 envelope or null
-- Returns: envelope, state, total, funded, claimed, refunded, held; found = how many in all
with moved as (
  select envelope_id, count(*) filter (where kind = 'escrow') as fundings,
    sum(amount) filter (where kind = 'escrow') as funded, sum(amount) filter (where kind = 'refund') as refunded
  from transfers where envelope_id is not null and ($1::uuid is null or envelope_id = $1)
  group by envelope_id
), won as (
  select envelope_id, sum(amount) as claimed from claims where $1::uuid is null or envelope_id = $1 group by envelope_id
), held as (
  select owner_id as envelope_id, sum(credits - debits) as held from accounts
  where kind = 'escrow' and ($1::uuid is null or owner_id = $1) group by owner_id
), sums as (
  select id as envelope, state, total, coalesce(fundings, 0) as fundings, coalesce(funded, 0) as funded,
    coalesce(claimed, 0) as claimed, coalesce(refunded, 0) as refunded, coalesce(held, 0) as held
  from envelopes e
  left join moved m on m.envelope_id = e.id
  left join won w on w.envelope_id = e.id
  left join held h on h.envelope_id = e.id
  where state <> 'draft' and ($1::uuid is null or id = $1)
)
select envelope, state, total, funded::text, claimed::text, refunded::text, held::text, count(*) over () as found
from sums
where fundings <> case when total = 0 then 0 else 1 end or funded <> total or total <> claimed + refunded + held
order by envelope limit 10
