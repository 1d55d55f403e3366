-- How many dead letters there are.
-- Params: none
-- Returns: letters
select count(*)::int as letters from dead_letters
