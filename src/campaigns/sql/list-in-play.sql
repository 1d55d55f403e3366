-- Campaigns that their schedule may move.
-- Params: none
-- Returns: id, state, is_stopped, starts_at, ends_at, time_zone, windows
select id, state, is_stopped, starts_at, ends_at, time_zone, windows from campaigns
where state in ('scheduled', 'live', 'paused') order by id
