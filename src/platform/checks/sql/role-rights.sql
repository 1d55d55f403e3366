-- What a role may do beyond reading and adding: it must not be able to rewrite the record of money.
-- Params: $1 role, $2 tables of the record
-- Returns: one row if the role exists: powers that it has, whether we may take it, tables that it may rewrite
select r.rolsuper as is_superuser, r.rolbypassrls as bypasses_row_security,
  pg_has_role(current_user, r.oid, 'member') as is_ours,
  array(
    select t.name from unnest($2::text[]) as t (name)
    where to_regclass(t.name) is not null and (
      has_any_column_privilege(r.oid, to_regclass(t.name), 'update')
      or has_table_privilege(r.oid, to_regclass(t.name), 'delete, truncate, trigger')
      or pg_has_role(r.oid, (select relowner from pg_class where oid = to_regclass(t.name)), 'member')
    )
  ) as rewritable
from pg_roles r where r.rolname = $1
