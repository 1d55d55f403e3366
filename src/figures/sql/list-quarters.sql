-- What happened in a campaign, by quarters of an hour, the latest first: the steps of every time zone are made of them.
-- Params: $1 campaign, $2 limit
-- Returns: at, revealed, claimed, amount
select at, coalesce(r.reveals, 0) as revealed, coalesce(won.claimed, 0)::int as claimed,
  coalesce(won.amount, 0)::bigint as amount
from (
  select date_bin('15 minutes', c.claimed_at, 'epoch') as at, count(*) as claimed, sum(c.amount) as amount
  from envelopes e join claims c on c.envelope_id = e.id
  where e.campaign_id = $1 and e.drop_id is not null group by 1
) won
full join (select quarter_at as at, reveals from campaign_reveals where campaign_id = $1) r using (at)
order by at desc
limit $2
