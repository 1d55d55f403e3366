-- Tables that are to keep merchants apart, and do not, or not from their owner.
-- Params: $1 tables
-- Returns: name
select t.name from unnest($1::text[]) as t (name)
join pg_class c on c.oid = to_regclass(t.name)
where not (c.relrowsecurity and c.relforcerowsecurity)
order by t.name
