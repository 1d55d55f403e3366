-- Gives a locked envelope another state that is not its last.
-- Params: $1 id, $2 state
-- Returns: nothing
update envelopes set state = $2, epoch = epoch + 1 where id = $1
