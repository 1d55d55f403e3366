-- Whose campaign it is; read after it was taken, so that it sees who was faster.
-- Params: $1 id
-- Returns: merchant_id, or no row
select merchant_id from campaigns where id = $1
