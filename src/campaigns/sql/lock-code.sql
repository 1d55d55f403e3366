-- Locks the code of a campaign; it is read by the next statement.
-- Params: $1 campaign
-- Returns: campaign_id, or no row
select campaign_id from campaign_codes where campaign_id = $1 for no key update
