-- Shows what is written on an envelope, or does not; no gate depends on it.
-- Params: $1 id, $2 whether
-- Returns: nothing
update envelopes set shows_text = $2 where id = $1
