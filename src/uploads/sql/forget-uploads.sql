-- Forgets the uploads of a campaign.
-- Params: $1 campaign
-- Returns: nothing
delete from uploads where campaign_id = $1
