-- Shares that nobody has, read under the row locks in a statement of its own.
-- Params: $1 envelopes
-- Returns: one row per envelope that has any: envelope_id, share_nos in order, as text with commas
select s.envelope_id, string_agg(s.share_no::text, ',' order by s.share_no) as share_nos from envelope_shares s
where s.envelope_id = any($1::uuid[]) and not exists (
  select from claims c
  where c.envelope_id = any($1::uuid[]) and c.envelope_id = s.envelope_id and c.share_no = s.share_no
) group by s.envelope_id
