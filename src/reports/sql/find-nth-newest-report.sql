-- When a player made their n-th newest report.
-- Params: $1 player, $2 n - 1
-- Returns: created_at, or no row
select created_at from envelope_reports where player_id = $1 order by created_at desc offset $2 limit 1
