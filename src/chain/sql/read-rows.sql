-- Rows of transfers in the one form that is hashed: a line `column=bytes:value` for each column that is not null, by
-- name. A column that is added later comes here in its place, and null in a row it leaves that row's text as it was.
-- Times are written as in JSON. A uuid has 36 bytes, and digits one each.
-- Params: $1 transfers
-- Returns: id, text
select id, concat_ws(E'\n',
  'amount=' || length(amount::text) || ':' || amount,
  'created_at=' || length(moment) || ':' || moment,
  'credit_account=36:' || credit_account,
  'currency=' || octet_length(currency) || ':' || currency,
  'debit_account=36:' || debit_account,
  'envelope_id=36:' || envelope_id,
  'id=36:' || id,
  'kind=' || octet_length(kind) || ':' || kind,
  'payout_id=36:' || payout_id,
  'reference=' || octet_length(reference) || ':' || reference,
  'service_request_id=36:' || service_request_id
) as text
from transfers, lateral (select trim(both '"' from to_json(created_at)::text)) as written (moment)
where id = any ($1::uuid[])
