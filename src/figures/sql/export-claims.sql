-- A page of the claims of a campaign, by envelope (newest first) and share, behind the last one sent. So many envelopes
-- with a claim each are enough for a page, and one more, because the first may have been sent to its end. The outer
-- order is that of the inner ones, and the page ends it early.
-- Params: $1 campaign, $2 created of the last one's envelope, $3 the envelope, $4 its share, $5 rows
-- Returns: id, envelope_id, share_no, cell_r9, claimed_at, amount, currency, player_id, created_at of the envelope
select c.id, e.id as envelope_id, c.share_no, e.cell_r9, c.claimed_at, c.amount, c.currency, c.player_id, e.created_at
from (
  select id, cell_r9, created_at from envelopes
  where campaign_id = $1 and drop_id is not null and claimed_shares > 0
    and (created_at, id) <= ($2::timestamptz, $3::uuid)
  order by created_at desc, id desc limit $5::int + 1
) e
cross join lateral (
  select id, share_no, claimed_at, amount, currency, player_id from claims
  where envelope_id = e.id and share_no > case when e.id = $3::uuid then $4::int else 0 end
  order by share_no limit $5::int
) c
order by e.created_at desc, e.id desc, c.share_no limit $5::int
