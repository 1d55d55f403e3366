-- The player behind an identity.
-- Params: $1 issuer, $2 subject
-- Returns: id, time_scale, created_at, banned_at, ban_reason
select id, time_scale, created_at, banned_at, ban_reason from players where issuer = $1 and subject = $2
