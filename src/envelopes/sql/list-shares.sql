-- What an envelope was split into, by share number.
-- Params: $1 envelope
-- Returns: amount, null for a coupon
select amount from envelope_shares where envelope_id = $1 order by share_no
