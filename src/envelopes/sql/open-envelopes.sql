-- Makes locked envelopes live.
-- Params: $1 ids
-- Returns: nothing
update envelopes set state = 'live', epoch = epoch + 1 where id = any ($1::uuid[])
