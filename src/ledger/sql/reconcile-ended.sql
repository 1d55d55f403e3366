-- Envelopes that ended and still hold money in escrow.
-- Params: $1 envelope or null
-- Returns: envelope, state, held; found = how many in all
select e.id as envelope, e.state, sum(a.credits - a.debits)::text as held, count(*) over () as found
from envelopes e join accounts a on a.kind = 'escrow' and a.owner_id = e.id
where e.state in ('empty', 'expired', 'closed') and ($1::uuid is null or e.id = $1)
group by e.id having sum(a.credits - a.debits) <> 0
order by e.id limit 10
