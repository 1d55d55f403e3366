-- Claims of money without exactly their transfer (same id, escrow to the player's wallet, same money), and the reverse.
-- Params: $1 envelope or null
-- Returns: claim, envelope, claimed, transferred; found = how many in all
select coalesce(c.id, t.id) as claim, coalesce(c.envelope_id, t.envelope_id) as envelope, c.amount as claimed,
  t.amount as transferred, count(*) over () as found
from (select * from claims where coupon_id is null and ($1::uuid is null or envelope_id = $1)) c
full join (
  select t.*, source.kind as source_kind, source.owner_id as source_owner, target.kind as target_kind,
    target.owner_id as target_owner
  from transfers t
  join accounts source on source.id = t.debit_account
  join accounts target on target.id = t.credit_account
  where t.kind = 'claim' and ($1::uuid is null or t.envelope_id = $1)
) t on t.id = c.id
where (c.amount, c.currency, c.envelope_id, c.envelope_id, c.player_id, 'escrow', 'wallet') is distinct from
  (t.amount, t.currency, t.envelope_id, t.source_owner, t.target_owner, t.source_kind, t.target_kind)
order by 1 limit 10
