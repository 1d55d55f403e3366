-- Service requests whose transfers are not what their state says, or whose escrow holds anything but their price before
-- the end and nothing after it, or in a draft; and money of requests that are not on record.
-- Params: none
-- Returns: service_request, state, price, funded, paid, refunded, held; found = how many in all
with moved as (
  select service_request_id, currency,
    sum(amount) filter (where kind in ('request_escrow', 'request_top_up')) as funded,
    sum(amount) filter (where kind = 'request_pay') as paid,
    sum(amount) filter (where kind = 'request_refund') as refunded
  from transfers where service_request_id is not null group by service_request_id, currency
), sums as (
  select coalesce(r.id, m.service_request_id) as service_request, r.state,
    coalesce(case when r.funded_at is not null then r.price end, 0) as price,
    r.ended_at is not null as is_ended, coalesce(r.paid, 0) as due, coalesce(m.funded, 0) as funded,
    coalesce(m.paid, 0) as paid, coalesce(m.refunded, 0) as refunded, coalesce(a.credits - a.debits, 0) as held
  from service_requests r
  full join moved m on m.service_request_id = r.id and m.currency = r.currency
  left join accounts a on a.kind = 'escrow' and a.owner_id = coalesce(r.id, m.service_request_id)
    and a.currency = coalesce(r.currency, m.currency)
)
select service_request, state, price::text, funded::text, paid::text, refunded::text, held::text,
  count(*) over () as found
from sums
where (funded, paid, refunded, held) is distinct from (
  price, due, case when is_ended then price - due else 0 end, case when is_ended then 0 else price end)
order by service_request limit 10
