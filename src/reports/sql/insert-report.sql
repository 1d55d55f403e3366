-- A new report.
-- Params: $1 id, $2 envelope, $3 player, $4 reason, $5 when
-- Returns: nothing
insert into envelope_reports (id, envelope_id, player_id, reason, created_at) values ($1, $2, $3, $4, $5)
