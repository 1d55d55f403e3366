-- Adds transfers; the trigger locks the accounts in id order and moves their balances.
-- Params: $1 ids, $2 kinds, $3 debit accounts, $4 credit accounts, $5 currencies, $6 amounts, $7 envelopes,
--         $8 payouts, $9 references, $10 times, $11 service requests
-- Returns: nothing
insert into transfers (id, kind, debit_account, credit_account, currency, amount, envelope_id, payout_id, reference,
  created_at, service_request_id)
select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::uuid[], $8::uuid[],
  $9::text[], $10::timestamptz[], $11::uuid[])
