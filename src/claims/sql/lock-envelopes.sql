-- Locks envelopes in id order, the first lock of every settlement.
-- Params: $1 ids
-- Returns: the rows as they are once the lock is granted
select id, state, epoch, opens_at, expires_at, currency, share_count, claimed_shares, hider_kind, hider_id, cell_r7
from envelopes where id = any($1::uuid[]) order by id for no key update
