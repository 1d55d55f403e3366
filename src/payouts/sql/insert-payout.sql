-- A new payout, reserved; its transfer follows in the same transaction.
-- Params: $1 id, $2 owner's kind, $3 owner, $4 currency, $5 amount, $6 destination or null, $7 time, $8 first try
-- Returns: nothing
insert into payouts (id, owner_kind, owner_id, currency, amount, destination, state, created_at, next_try_at)
values ($1, $2, $3, $4, $5, $6, 'reserved', $7, $8)
