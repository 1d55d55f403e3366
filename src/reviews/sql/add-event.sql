-- Notes what happened to a text, in the transaction in which it did.
-- Params: $1 id, $2 review, $3 kind of actor, $4 actor or null, $5 action, $6 state before or null, $7 state after,
--         $8 reason or null, $9 now
-- Returns: nothing
insert into review_events (id, review_id, actor_kind, actor, action, from_state, to_state, reason, at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
