-- Whose campaign it is; read after it was taken, so that it sees who was faster.
-- Params: $1 id
-- Returns: merchant_id and state, null where it is only an id; or no row
select merchant_id, state from campaigns where id = $1
