-- Notes what was changed, in the transaction of the change; where nothing was written there is nothing to note.
-- Params: $1 id, $2 merchant, $3 key or null, $4 operation, $5 target, $6 time
-- Returns: nothing
insert into merchant_actions (id, merchant_id, key_id, operation, target, created_at)
select $1, $2, $3, $4, $5::jsonb, $6 where pg_current_xact_id_if_assigned() is not null
