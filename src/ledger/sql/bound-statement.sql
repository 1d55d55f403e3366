-- An account's balance at both ends of a period, counted back from what it holds now: later transfers are few, and one
-- statement sees them and the balance at the same moment.
-- Params: $1 account, $2 begin, inclusive, $3 end, exclusive
-- Returns: opening, closing
select
  (a.credits - a.debits - coalesce(sum(m.amount), 0))::bigint as opening,
  (a.credits - a.debits - coalesce(sum(m.amount) filter (where m.created_at >= $3), 0))::bigint as closing
from accounts a left join lateral (
  select amount, created_at from transfers where credit_account = a.id and created_at >= $2::timestamptz
  union all
  select -amount, created_at from transfers where debit_account = a.id and created_at >= $2::timestamptz
) m on true
where a.id = $1
group by a.id
