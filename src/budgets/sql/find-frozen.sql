-- Which of these budgets is frozen.
-- Params: $1 names
-- Returns: name
select name from budgets where name = any($1::text[]) and state = 'frozen' limit 1
