-- Freezes an envelope whose wins cannot be settled, until an operator looks.
-- Params: $1 envelope
-- Returns: nothing
update envelopes set state = 'frozen', epoch = epoch + 1 where id = $1 and state = 'live'
