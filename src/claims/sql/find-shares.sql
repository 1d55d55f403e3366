-- What lies in shares, an amount or a coupon; neither in one that does not exist.
-- Params: $1 envelope ids, $2 share numbers
-- Returns: amount, coupon_id, in the order of the shares
select s.amount, s.coupon_id
from unnest($1::uuid[], $2::int[]) with ordinality as asked (envelope_id, share_no, place)
left join envelope_shares s using (envelope_id, share_no) order by place
