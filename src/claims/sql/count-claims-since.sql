-- How many wins players have had since a moment each: seeds the permits that Redis has forgotten.
-- Params: $1 players, $2 moments
-- Returns: claims, in the order of the players
select (
  select count(*)::int from claims c where c.player_id = asked.player_id and c.claimed_at >= asked.since
) as claims
from unnest($1::uuid[], $2::timestamptz[]) with ordinality as asked (player_id, since, place) order by place
