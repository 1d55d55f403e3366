-- Notes an action, in the transaction of what it did.
-- Params: $1 id, $2 actor, $3 action, $4 target, $5 reason, $6 before or null, $7 after or null, $8 now
-- Returns: nothing
insert into operator_actions (id, actor, action, target, reason, before, after, created_at)
values ($1, $2, $3, $4::jsonb, $5, $6::jsonb, $7::jsonb, $8)
