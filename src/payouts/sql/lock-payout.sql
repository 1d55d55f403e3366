-- Takes the row lock that orders everybody who ends a payout.
-- Params: $1 id
-- Returns: id
select id from payouts where id = $1 for no key update
