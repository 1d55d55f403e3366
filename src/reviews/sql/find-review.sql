-- One review.
-- Params: $1 id
-- Returns: the columns of a review, or no row
select id, kind, subject_id, author_id, lines, suspicion, state, reason, decided_by, reports, appeal, due_at,
  created_at, judged_at
from reviews where id = $1
