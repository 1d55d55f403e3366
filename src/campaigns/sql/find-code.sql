-- The code of a merchant's own campaign.
-- Params: $1 campaign, $2 merchant
-- Returns: secret, former_secret, changes_at, or no row
select k.secret, k.former_secret, k.changes_at
from campaign_codes k join campaigns c on c.id = k.campaign_id
where k.campaign_id = $1 and c.merchant_id = $2
