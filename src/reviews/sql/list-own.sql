-- The reviews of what a player wrote, newest first.
-- Params: $1 author, $2 time and $3 id of the row before, $4 rows
-- Returns: the columns of a review
select id, kind, subject_id, author_id, lines, suspicion, state, reason, decided_by, reports, appeal, due_at,
  created_at, judged_at
from reviews
where author_id = $1 and (created_at, id) < ($2::timestamptz, $3::uuid)
order by created_at desc, id desc
limit $4
