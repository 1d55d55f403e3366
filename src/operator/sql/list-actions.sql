-- A page of actions, newest first.
-- Params: $1 limit, $2 time of the last one seen or null, $3 its id
-- Returns: actions
select id, actor, action, target, reason, before, after, created_at from operator_actions
where $2::timestamptz is null or (created_at, id) < ($2, $3::uuid)
order by created_at desc, id desc limit $1
