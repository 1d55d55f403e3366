-- Freezes an envelope whose escrow cannot be given back, until an operator looks.
-- Params: $1 id
-- Returns: nothing
update envelopes set state = 'frozen', epoch = epoch + 1 where id = $1 and state in ('funded', 'live')
