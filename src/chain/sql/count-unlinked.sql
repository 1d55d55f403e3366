-- How many transfers wait for a link.
-- Params: none
-- Returns: waiting
select coalesce(sum(cardinality(ids)), 0)::bigint as waiting from unlinked_transfers
