-- Envelopes whose counters are not what their claims add up to.
-- Params: $1 envelope or null
-- Returns: envelope, claimed_shares, claimed_amount, claims, claimed; found = how many in all
select e.id as envelope, e.claimed_shares, e.claimed_amount, coalesce(c.claims, 0) as claims,
  coalesce(c.claimed, 0)::text as claimed, count(*) over () as found
from envelopes e
left join (
  select envelope_id, count(*) as claims, sum(amount) as claimed from claims
  where $1::uuid is null or envelope_id = $1 group by envelope_id
) c on c.envelope_id = e.id
where ($1::uuid is null or e.id = $1)
  and (e.claimed_shares, e.claimed_amount) is distinct from (coalesce(c.claims, 0), coalesce(c.claimed, 0))
order by e.id limit 10
