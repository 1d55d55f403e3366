-- What shares are worth, asked only where a cap has to be kept; a share that does not exist is worth null.
-- Params: $1 envelope ids, $2 share numbers
-- Returns: amount, in the order of the shares
select s.amount
from unnest($1::uuid[], $2::int[]) with ordinality as asked (envelope_id, share_no, place)
left join envelope_shares s using (envelope_id, share_no) order by place
