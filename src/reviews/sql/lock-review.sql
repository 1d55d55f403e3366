-- Takes the row lock that orders everything that is done to a text; read the row in a statement after it.
-- Params: $1 id
-- Returns: id
select id from reviews where id = $1 for no key update
