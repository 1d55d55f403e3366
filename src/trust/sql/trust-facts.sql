-- What the trust in a player follows from: age, shares won (no more are counted than matter), different people with
-- whom a service request was confirmed, and texts of theirs that were rejected lately.
-- Params: $1 player, $2 rejections since, $3 the most shares that matter
-- Returns: created_at, time_scale, settled_claims, confirmed_requests, upheld_reports
select p.created_at, p.time_scale,
  (select count(*)::int from (select from claims where player_id = $1 limit $3) as won) as settled_claims,
  (select count(distinct other)::int from (
    select provider_id as other from service_requests where poster_id = $1 and state = 'confirmed'
    union all
    select poster_id from service_requests where provider_id = $1 and state = 'confirmed'
  ) as confirmed) as confirmed_requests,
  (select count(*)::int from reviews
    where author_id = $1 and state in ('rejected', 'appealed') and judged_at >= $2) as upheld_reports
from players p
where p.id = $1
