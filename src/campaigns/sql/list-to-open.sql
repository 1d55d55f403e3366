-- Live drops with envelopes to open, of campaigns that have begun.
-- Params: $1 now
-- Returns: id, campaign_id
select d.id, d.campaign_id from drops d join campaigns c on c.id = d.campaign_id
where d.state = 'live' and not d.is_opened and c.state in ('live', 'paused') and c.starts_at <= $1
order by d.created_at, d.id limit 20
