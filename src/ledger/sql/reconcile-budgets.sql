-- Capped budgets whose use is not what was won under them since it is counted. A settlement that ran while the first
-- cap was set may be in or out, so the minute before and after that moment leaves room; everything else is exact.
-- Params: none
-- Returns: budget, used_total, at_least, at_most; found = how many in all
select b.name as budget, b.used_total, won.at_least::text as at_least, won.at_most::text as at_most,
  count(*) over () as found
from budgets b
cross join lateral (
  select coalesce(sum(c.amount) filter (where c.claimed_at >= b.counted_since + interval '1 minute'), 0) as at_least,
    coalesce(sum(c.amount), 0) as at_most
  from claims c join envelopes e on e.id = c.envelope_id
  where c.claimed_at >= b.counted_since - interval '1 minute' and e.currency = b.currency
    and case b.kind
      when 'merchant' then e.hider_kind = 'merchant' and e.hider_id = b.owner_id
      when 'campaign' then e.campaign_id = b.owner_id
      else true
    end
) won
where (b.total_cap is not null or b.hour_cap is not null) and b.used_total not between won.at_least and won.at_most
order by b.name limit 10
