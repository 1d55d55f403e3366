-- Movements of one owner's wallets, newest first; each side of each wallet is one walk along its own index.
-- Params: $1 owner, $2 time and $3 id of the row before, $4 rows
-- Returns: id, kind, is_in, amount, currency, envelope_id, payout_id, service_request_id, created_at
select movements.* from accounts wallets cross join lateral (
  (select id, kind, true as is_in, amount, currency, envelope_id, payout_id, service_request_id, created_at
    from transfers
    where credit_account = wallets.id and (created_at, id) < ($2::timestamptz, $3::uuid)
    order by created_at desc, id desc limit $4)
  union all
  (select id, kind, false, amount, currency, envelope_id, payout_id, service_request_id, created_at
    from transfers
    where debit_account = wallets.id and (created_at, id) < ($2::timestamptz, $3::uuid)
    order by created_at desc, id desc limit $4)
) movements
where wallets.kind = 'wallet' and wallets.owner_id = $1
order by movements.created_at desc, movements.id desc
limit $4
