-- How often an author has written the same since a moment.
-- Params: $1 author, $2 kind, $3 lines, $4 since
-- Returns: found
select count(*)::int as found from reviews
where author_id = $1 and kind = $2 and lines = $3::text[] and created_at > $4
