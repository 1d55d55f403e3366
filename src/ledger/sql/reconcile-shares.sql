-- Envelopes whose shares do not add up to their total, or of which a claim is not worth its share.
-- Params: $1 envelope or null
-- Returns: envelope, share_count, total, shares, sum, wrong_claims; found = how many in all
select e.id as envelope, e.share_count, e.total, coalesce(s.shares, 0) as shares, coalesce(s.sum, 0)::text as sum,
  coalesce(s.wrong_claims, 0) as wrong_claims, count(*) over () as found
from envelopes e
left join (
  select envelope_id, count(*) as shares, sum(share.amount) as sum,
    count(*) filter (where claim.id is not null
      and (claim.amount, claim.coupon_id) is distinct from (share.amount, share.coupon_id)) as wrong_claims
  from envelope_shares share left join claims claim using (envelope_id, share_no)
  where $1::uuid is null or envelope_id = $1 group by envelope_id
) s on s.envelope_id = e.id
where e.state <> 'draft' and ($1::uuid is null or e.id = $1)
  and ((e.share_count, e.total) is distinct from (coalesce(s.shares, 0), coalesce(s.sum, 0)) or s.wrong_claims > 0)
order by e.id limit 10
