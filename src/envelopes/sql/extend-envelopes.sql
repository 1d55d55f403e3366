-- Lets locked envelopes expire later; a gate field, so the epoch grows.
-- Params: $1 ids, $2 time
-- Returns: nothing
update envelopes set expires_at = $2, epoch = epoch + 1 where id = any ($1::uuid[])
