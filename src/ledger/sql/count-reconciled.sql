-- How much the checks looked at.
-- Params: $1 envelope or null
-- Returns: envelopes, transfers
select (select count(*) from envelopes where $1::uuid is null or id = $1) as envelopes,
  (select count(*) from transfers where $1::uuid is null or envelope_id = $1) as transfers
