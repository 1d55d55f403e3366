-- Locks funded envelopes whose time has come, except those that are over already or locked by others. Those of a drop
-- open by its state, not by their time.
-- Params: $1 now, $2 limit
-- Returns: id
select id from envelopes
where state = 'funded' and drop_id is null and opens_at <= $1 and expires_at > $1
order by opens_at, id
limit $2
for no key update skip locked
