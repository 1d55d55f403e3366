-- Movements of one envelope's money: the escrow, the claims by time, the refund, each with what is left behind it.
-- Params: $1 envelope, $2 the last one seen or null, $3 limit
-- Returns: id, kind, amount, currency, created_at, remaining, share_no, player_id
with entries as (
  select t.id, t.kind, t.amount, t.currency, t.created_at, c.share_no, c.player_id,
    row_number() over stream as place,
    (sum(case t.kind when 'escrow' then t.amount else -t.amount end) over stream)::bigint as remaining
  from transfers t left join claims c on c.id = t.id
  where t.envelope_id = $1
  window stream as (order by array_position(array['escrow', 'claim', 'refund'], t.kind), t.created_at, t.id)
)
select id, kind, amount, currency, created_at, remaining, share_no, player_id from entries
where $2::uuid is null or place > (select place from entries where id = $2)
order by place limit $3
