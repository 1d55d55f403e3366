-- How many envelopes of a campaign, or of one of its drops, have not ended.
-- Params: $1 campaign, $2 drop or null
-- Returns: left
select count(*) as left from envelopes
where campaign_id = $1 and ($2::uuid is null or drop_id = $2) and state in ('funded', 'live', 'frozen')
