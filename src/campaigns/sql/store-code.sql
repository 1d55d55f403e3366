-- Changes a locked code.
-- Params: $1 campaign, $2 sealed secret, $3 the former one, $4 when it changes
-- Returns: nothing
update campaign_codes set secret = $2, former_secret = $3, changes_at = $4 where campaign_id = $1
