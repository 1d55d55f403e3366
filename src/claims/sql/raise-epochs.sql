-- Starts a new epoch for locked envelopes, live or frozen: what their gates hold is out of date.
-- Params: $1 envelopes
-- Returns: nothing
update envelopes set epoch = epoch + 1 where id = any($1::uuid[]) and state in ('live', 'frozen')
