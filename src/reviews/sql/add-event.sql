-- Notes what happened to a text, in the transaction in which it did.
-- Params: $1 review, $2 kind of actor, $3 actor or null, $4 action, $5 state before or null, $6 state after,
--         $7 reason or null, $8 now
-- Returns: nothing
insert into review_events (review_id, actor_kind, actor, action, from_state, to_state, reason, at)
values ($1, $2, $3, $4, $5, $6, $7, $8)
