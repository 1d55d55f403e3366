-- A new report.
-- Params: $1 id, $2 envelope, $3 player, $4 device or null, $5 reason, $6 when
-- Returns: nothing
insert into envelope_reports (id, envelope_id, player_id, device_id, reason, created_at) values ($1, $2, $3, $4, $5, $6)
