-- Locks envelopes of a campaign, or of one of its drops, that are still to end, except those that others hold.
-- Params: $1 campaign, $2 drop or null, $3 limit
-- Returns: id
select id from envelopes
where campaign_id = $1 and ($2::uuid is null or drop_id = $2) and state in ('funded', 'live')
order by id limit $3
for no key update skip locked
