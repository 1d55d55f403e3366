-- Claims of an envelope, oldest first, after the last one seen; the largest of all is marked, the earliest of equals.
-- Params: $1 envelope, $2 claimed of the last one seen or null, $3 its id, $4 limit
-- Returns: id, player_id, amount, currency, claimed_at, is_largest
select id, player_id, amount, currency, claimed_at, id = (
    select id from claims where envelope_id = $1 order by amount desc, claimed_at, id limit 1
  ) as is_largest
from claims
where envelope_id = $1 and ($2::timestamptz is null or (claimed_at, id) > ($2, $3::uuid))
order by claimed_at, id
limit $4
