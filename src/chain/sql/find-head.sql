-- The last link.
-- Params: none
-- Returns: sequence, transfer_id, hash
select sequence, transfer_id, hash from transfer_links order by sequence desc limit 1
