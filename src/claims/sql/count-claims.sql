-- Adds settled claims to their envelopes' counters; the last share makes an envelope empty.
-- Params: $1 envelope ids, $2 claims of each, $3 amounts of each, $4 time, $5 when the first of each was claimed
-- Returns: nothing
update envelopes e set
  claimed_shares = e.claimed_shares + won.shares,
  claimed_amount = e.claimed_amount + won.amount,
  first_claimed_at = least(e.first_claimed_at, won.first_at),
  state = case when e.claimed_shares + won.shares = e.share_count then 'empty' else e.state end,
  epoch = case when e.claimed_shares + won.shares = e.share_count then e.epoch + 1 else e.epoch end,
  ended_at = case when e.claimed_shares + won.shares = e.share_count then $4 else e.ended_at end
from unnest($1::uuid[], $2::int[], $3::bigint[], $5::timestamptz[]) as won (id, shares, amount, first_at)
where e.id = won.id
