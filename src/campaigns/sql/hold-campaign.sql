-- Keeps a campaign from being moved until the transaction ends, together with others who do; read it afterwards.
-- Params: $1 id
-- Returns: id
select id from campaigns where id = $1 for share
