-- Bans a player, or lifts the ban; a second ban changes the reason and not the time.
-- Params: $1 id, $2 time, null to lift, $3 reason, null to lift
-- Returns: id, time_scale, created_at, banned_at, ban_reason; nothing without such a player
update players
set banned_at = case when $2::timestamptz is null then null else coalesce(banned_at, $2) end, ban_reason = $3
where id = $1
returning id, time_scale, created_at, banned_at, ban_reason
