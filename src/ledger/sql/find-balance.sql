-- What one account holds.
-- Params: $1 account
-- Returns: balance, or no row
select credits - debits as balance from accounts where id = $1
