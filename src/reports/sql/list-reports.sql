-- A page of reports, newest first, with their envelopes as they are now.
-- Params: $1 time of the last one seen, or infinity, $2 its id, $3 limit
-- Returns: reports
select r.id, r.envelope_id, r.player_id, r.reason, r.created_at, e.state, e.reports
from envelope_reports r join envelopes e on e.id = r.envelope_id
where (r.created_at, r.id) < ($1::timestamptz, $2::uuid)
order by r.created_at desc, r.id desc limit $3
