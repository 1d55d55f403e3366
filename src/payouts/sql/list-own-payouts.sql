-- The payouts of one owner, newest first.
-- Params: $1 owner, $2 time and $3 id of the row before, $4 rows
-- Returns: id, owner_kind, owner_id, currency, amount, destination, state, reason, reference, created_at, ended_at,
--          tries
select id, owner_kind, owner_id, currency, amount, destination, state, reason, reference, created_at, ended_at, tries
from payouts where owner_id = $1 and (created_at, id) < ($2::timestamptz, $3::uuid)
order by created_at desc, id desc limit $4
