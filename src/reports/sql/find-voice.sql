-- Whether a device was used before to report an envelope.
-- Params: $1 envelope, $2 device
-- Returns: one row, or none
select id from envelope_reports where envelope_id = $1 and device_id = $2 limit 1
