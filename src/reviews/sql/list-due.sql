-- Reviews that wait in a state, the longest due first.
-- Params: $1 state, $2 due before or null, $3 due of the row before or null, $4 its id, $5 rows
-- Returns: the columns of a review
select id, kind, subject_id, author_id, lines, suspicion, state, reason, decided_by, reports, appeal, due_at,
  created_at, judged_at
from reviews
where state = $1 and due_at is not null and ($2::timestamptz is null or due_at < $2)
  and ($3::timestamptz is null or (due_at, id) > ($3, $4::uuid))
order by due_at, id
limit $5
