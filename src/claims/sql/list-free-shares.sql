-- Shares that nobody has, read under the row lock in a statement of its own.
-- Params: $1 envelope
-- Returns: share_no
select s.share_no from envelope_shares s
where s.envelope_id = $1 and not exists (
  select from claims c where c.envelope_id = s.envelope_id and c.share_no = s.share_no
) order by s.share_no
