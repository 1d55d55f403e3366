-- A page of the chain.
-- Params: $1 after this sequence number, $2 limit
-- Returns: sequence, transfer_id, hash
select sequence, transfer_id, hash from transfer_links where sequence > $1 order by sequence limit $2
