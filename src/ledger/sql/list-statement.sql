-- A page of one account's transfers in a period, oldest first. `position` is the time to the microsecond, for the next
-- page to begin behind.
-- Params: $1 account, $2 position and $3 id of the row before, $4 end of the period, exclusive, $5 rows
-- Returns: id, kind, is_in, amount, envelope_id, payout_id, service_request_id, reference, created_at,
--          position
select *, created_at::text as position from (
  (select id, kind, true as is_in, amount, envelope_id, payout_id, service_request_id, reference, created_at
    from transfers
    where credit_account = $1 and (created_at, id) > ($2::timestamptz, $3::uuid) and created_at < $4::timestamptz
    order by created_at, id limit $5)
  union all
  (select id, kind, false, amount, envelope_id, payout_id, service_request_id, reference, created_at
    from transfers
    where debit_account = $1 and (created_at, id) > ($2::timestamptz, $3::uuid) and created_at < $4::timestamptz
    order by created_at, id limit $5)
) sides
order by created_at, id limit $5
