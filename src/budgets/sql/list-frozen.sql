-- Everything that is frozen, for the memory of a server.
-- Params: none
-- Returns: name
select name from budgets where state = 'frozen'
