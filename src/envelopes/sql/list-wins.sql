-- Claims of an envelope with their thanks, oldest first, after the last one seen; the largest of all is marked, the
-- earliest of equals.
-- Params: $1 envelope, $2 claimed of the last one seen or null, $3 its id, $4 limit
-- Returns: id, player_id, amount or null, currency, claimed_at, is_largest, thanks or null
select c.id, c.player_id, c.amount, c.currency, c.claimed_at, t.text as thanks, c.id = (
    select id from claims where envelope_id = $1 order by amount desc, claimed_at, id limit 1
  ) as is_largest
from claims c left join thanks t on t.claim_id = c.id
where c.envelope_id = $1 and ($2::timestamptz is null or (c.claimed_at, c.id) > ($2, $3::uuid))
order by c.claimed_at, c.id
limit $4
