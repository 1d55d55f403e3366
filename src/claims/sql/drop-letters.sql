-- Dead letters that a replay has answered for good.
-- Params: $1 ids
-- Returns: nothing
delete from dead_letters where id = any($1::uuid[])
