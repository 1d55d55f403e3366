-- Adds a player, unless the identity is known: whoever saw it first decided its id.
-- Params: $1 id, $2 issuer, $3 subject, $4 time scale, $5 time
-- Returns: id, time_scale, created_at, banned_at, ban_reason; nothing when the identity is known
insert into players (id, issuer, subject, time_scale, created_at) values ($1, $2, $3, $4, $5)
on conflict (issuer, subject) do nothing
returning id, time_scale, created_at, banned_at, ban_reason
