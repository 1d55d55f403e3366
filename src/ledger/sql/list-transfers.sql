-- Movements of one owner's wallets, newest first. Two branches, because each side has its own index.
-- Params: $1 wallets, $2 before time or null, $3 before id, $4 rows
-- Returns: id, kind, is_in, amount, currency, envelope_id, created_at
select id, kind, is_in, amount, currency, envelope_id, created_at from (
  (select id, kind, true as is_in, amount, currency, envelope_id, created_at from transfers
    where credit_account = any ($1::uuid[]) and ($2::timestamptz is null or (created_at, id) < ($2, $3::uuid))
    order by created_at desc, id desc limit $4)
  union all
  (select id, kind, false, amount, currency, envelope_id, created_at from transfers
    where debit_account = any ($1::uuid[]) and ($2::timestamptz is null or (created_at, id) < ($2, $3::uuid))
    order by created_at desc, id desc limit $4)
) movements
order by created_at desc, id desc
limit $4
