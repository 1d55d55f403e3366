-- Tables of the record on which the trigger that refuses changes is missing or switched off.
-- Params: $1 tables
-- Returns: name
select t.name from unnest($1::text[]) as t (name)
where to_regclass(t.name) is not null and not exists (
  select from pg_trigger g
  where g.tgrelid = to_regclass(t.name) and g.tgname = t.name || '_append_only' and g.tgenabled in ('O', 'A')
)
order by t.name
