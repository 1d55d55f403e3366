-- The player behind an identity.
-- Params: $1 issuer, $2 subject
-- Returns: id, time_scale, created_at
select id, time_scale, created_at from players where issuer = $1 and subject = $2
