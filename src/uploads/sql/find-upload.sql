-- The points of an upload, as bytes.
-- Params: $1 id, $2 campaign
-- Returns: format, lngs, lats, rows; or no row
select format, lngs, lats, rows from uploads where id = $1 and campaign_id = $2
