-- Takes the row lock that orders close, expiry and settlement; read the row in a statement after it.
-- Params: $1 id
-- Returns: id
select id from envelopes where id = $1 for no key update
