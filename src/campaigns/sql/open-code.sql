-- The code of a campaign, unless it has one.
-- Params: $1 campaign, $2 sealed secret, $3 counts from
-- Returns: nothing
insert into campaign_codes (campaign_id, secret, changes_at) values ($1, $2, $3) on conflict (campaign_id) do nothing
