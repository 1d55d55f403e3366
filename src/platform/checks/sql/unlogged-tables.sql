-- Tables whose rows PostgreSQL does not write to its log, so that a crash empties them.
-- Params: none
-- Returns: name
select relname as name from pg_class
where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and relpersistence = 'u'
order by relname
