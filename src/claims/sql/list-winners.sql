-- Every claim of an envelope that ended, for the memory of the server.
-- Params: $1 envelope
-- Returns: claims
select id, envelope_id, player_id, share_no, amount, currency, coupon_id, claimed_at from claims where envelope_id = $1
