-- Locks envelopes of a campaign, or of one of its drops, that are still to end, except those that others hold: the
-- oldest first, behind one that is known. The index has those that ended as well.
-- Params: $1 campaign, $2 drop or null, $3 created of the last one known, $4 its id, $5 limit
-- Returns: id
select id from envelopes
where campaign_id = $1 and ($2::uuid is null or drop_id = $2) and (created_at, id) > ($3::timestamptz, $4::uuid)
  and state in ('funded', 'live')
order by created_at, id limit $5
for no key update skip locked
