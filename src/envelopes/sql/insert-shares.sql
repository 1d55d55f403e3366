-- The shares of a new envelope, numbered from 1 as they come.
-- Params: $1 envelope, $2 amounts
-- Returns: nothing
insert into envelope_shares (envelope_id, share_no, amount)
select $1, share_no, amount from unnest($2::bigint[]) with ordinality as shares (amount, share_no)
