-- Counts one more report of a locked envelope.
-- Params: $1 envelope
-- Returns: nothing
update envelopes set reports = reports + 1 where id = $1
