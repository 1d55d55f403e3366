-- How many different people reported a text since a moment: accounts on one device are one.
-- Params: $1 review, $2 since
-- Returns: found
select count(distinct coalesce(device_id, reporter_id::text))::int as found
from review_reports where review_id = $1 and reported_at >= $2
