-- Whether a transfer waits for a link.
-- Params: none
-- Returns: waits
select exists (select from unlinked_transfers) as waits
