-- Accounts whose columns are not the sums of their transfers, or that are below zero.
-- Params: $1 envelope whose escrow alone is looked at, or null for every account
-- Returns: account, kind, credits, debits, transferred_in, transferred_out; found = how many in all
with moved as (
  select account, sum(credit) as credits, sum(debit) as debits from (
    select credit_account as account, amount as credit, 0 as debit from transfers
      where $1::uuid is null or envelope_id = $1
    union all
    select debit_account, 0, amount from transfers where $1::uuid is null or envelope_id = $1
  ) sides group by account
)
select a.id as account, a.kind, a.credits, a.debits, coalesce(m.credits, 0)::text as transferred_in,
  coalesce(m.debits, 0)::text as transferred_out, count(*) over () as found
from accounts a left join moved m on m.account = a.id
where ($1::uuid is null or (a.kind = 'escrow' and a.owner_id = $1))
  and ((a.credits, a.debits) is distinct from (coalesce(m.credits, 0), coalesce(m.debits, 0))
    or (a.kind <> 'external' and a.credits < a.debits))
order by a.id limit 10
