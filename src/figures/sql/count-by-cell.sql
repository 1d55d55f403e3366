-- The envelopes of a campaign's drops by H3 cell of resolution 9, the fullest first.
-- Params: $1 campaign
-- Returns: cell, envelopes
select cell_r9 as cell, count(*)::int as envelopes from envelopes
where campaign_id = $1 and drop_id is not null group by cell_r9 order by envelopes desc, cell
