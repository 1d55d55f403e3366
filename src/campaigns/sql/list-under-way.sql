-- Drops that are filling or being undone, in a round: those behind the last one seen come first.
-- Params: $1 limit, $2 the last one seen or null
-- Returns: id
select id from drops where state in ('filling', 'undoing') order by id <= $2::uuid, id limit $1
