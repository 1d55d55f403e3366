-- Keeps the newest uploads of a campaign and forgets the others.
-- Params: $1 campaign, $2 how many are kept
-- Returns: nothing
delete from uploads where id in (
  select id from uploads where campaign_id = $1 order by created_at desc, id desc offset $2
)
