-- The wallets of one owner.
-- Params: $1 owner
-- Returns: currency, balance
select currency, credits - debits as balance from accounts where kind = 'wallet' and owner_id = $1 order by currency
