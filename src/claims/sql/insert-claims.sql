-- Records wins with what their shares are worth, an amount or a coupon; a share that does not exist is worth neither,
-- which is refused.
-- Params: $1 ids, $2 envelope ids, $3 player ids, $4 share numbers, $5 times
-- Returns: nothing
insert into claims (id, envelope_id, player_id, share_no, amount, coupon_id, currency, claimed_at)
select due.id, due.envelope_id, due.player_id, due.share_no, s.amount, s.coupon_id, e.currency, due.claimed_at
from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::timestamptz[])
  as due (id, envelope_id, player_id, share_no, claimed_at)
join envelopes e on e.id = due.envelope_id
left join envelope_shares s on s.envelope_id = due.envelope_id and s.share_no = due.share_no
