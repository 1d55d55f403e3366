-- Gives locked envelopes their last state.
-- Params: $1 ids, $2 state, $3 when
-- Returns: nothing
update envelopes set state = $2, epoch = epoch + 1, ended_at = $3 where id = any ($1::uuid[])
