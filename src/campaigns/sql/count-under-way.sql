-- How many drops of a campaign are filling or being undone.
-- Params: $1 campaign
-- Returns: drops
select count(*) as drops from drops where campaign_id = $1 and state in ('filling', 'undoing')
