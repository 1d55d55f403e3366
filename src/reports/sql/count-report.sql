-- Counts one more voice that reports a locked envelope.
-- Params: $1 envelope
-- Returns: nothing
update envelopes set reports = reports + 1 where id = $1
