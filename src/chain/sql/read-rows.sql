-- Rows of transfers in the one form that is hashed: a line `column=bytes:value` for each column that is not null, by
-- name. A column that is added later and null in a row leaves that row's text as it was.
-- Params: $1 transfers
-- Returns: id, text
select t.id, (
  select string_agg(key || '=' || octet_length(value) || ':' || value, E'\n' order by key collate "C")
  from jsonb_each_text(to_jsonb(t)) where value is not null
) as text
from transfers t where t.id = any($1::uuid[])
