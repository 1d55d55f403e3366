-- The seed of an envelope's split: a secret until it ended.
-- Params: $1 id
-- Returns: seed, or no row
select seed from envelopes where id = $1
