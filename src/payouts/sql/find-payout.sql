-- One payout.
-- Params: $1 id
-- Returns: id, owner_kind, owner_id, currency, amount, destination, state, reason, reference, created_at, ended_at,
--          tries
select id, owner_kind, owner_id, currency, amount, destination, state, reason, reference, created_at, ended_at, tries
from payouts where id = $1
