-- What happened to a text, oldest first: the latest 200.
-- Params: $1 review
-- Returns: review_id, actor_kind, actor, action, from_state, to_state, reason, at
select review_id, actor_kind, actor, action, from_state, to_state, reason, at from (
  select no, review_id, actor_kind, actor, action, from_state, to_state, reason, at from review_events
  where review_id = $1 order by no desc limit 200
) as latest
order by no
