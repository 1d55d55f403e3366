-- Payouts whose transfers are not those of their state, or whose account holds anything but what is on its way; and
-- money of payouts that are not on record.
-- Params: none
-- Returns: payout, state, amount, reserved, paid, returned, held; found = how many in all
with moved as (
  select payout_id, currency, count(*) as transfers, sum(amount) filter (where kind = 'payout') as reserved,
    sum(amount) filter (where kind = 'payout_paid') as paid,
    sum(amount) filter (where kind = 'payout_returned') as returned
  from transfers where payout_id is not null group by payout_id, currency
), held as (
  select owner_id as payout_id, currency, credits - debits as held from accounts where kind = 'payout'
), sums as (
  select coalesce(p.id, m.payout_id, h.payout_id) as payout, p.state, p.amount, coalesce(m.transfers, 0) as transfers,
    coalesce(m.reserved, 0) as reserved, coalesce(m.paid, 0) as paid, coalesce(m.returned, 0) as returned,
    coalesce(h.held, 0) as held
  from payouts p
  full join moved m on m.payout_id = p.id and m.currency = p.currency
  full join held h on h.payout_id = coalesce(p.id, m.payout_id) and h.currency = coalesce(p.currency, m.currency)
)
select payout, state, amount::text, reserved::text, paid::text, returned::text, held::text, count(*) over () as found
from sums
where (transfers, reserved, paid, returned, held) is distinct from (
  case when state in ('paid', 'failed') then 2 when state is null then 0 else 1 end,
  coalesce(amount, 0),
  case when state = 'paid' then amount else 0 end,
  case when state = 'failed' then amount else 0 end,
  case when state in ('reserved', 'submitted') then amount else 0 end)
order by payout limit 10
