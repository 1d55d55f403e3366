-- Takes the row lock that orders everything that changes a campaign; read the row in a statement after it.
-- Params: $1 id
-- Returns: id
select id from campaigns where id = $1 and state is not null for no key update
