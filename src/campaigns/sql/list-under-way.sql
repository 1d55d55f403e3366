-- Drops that are filling or being undone, the oldest first.
-- Params: $1 limit
-- Returns: id
select id from drops where state in ('filling', 'undoing') order by created_at, id limit $1
