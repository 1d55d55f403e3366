-- Whether PostgreSQL answers.
-- Params: none
-- Returns: one row
select 1 as alive
