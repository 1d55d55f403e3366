-- What stands in the way of reservations whose envelopes are locked: claims that hold the place of the player or the
-- share, and stops, which are a frozen budget or a campaign that pays nothing now. Behind the lock, because a statement
-- sees only what was committed before it began, and the lock may have waited for long.
-- Params: $1 envelope ids, $2 player ids, $3 share numbers
-- Returns: claims; and for each stopped envelope a row with its envelope_id alone
with asked as (select * from unnest($1::uuid[], $2::uuid[], $3::int[]) as a (envelope_id, player_id, share_no))
select c.id, c.envelope_id, c.player_id, c.share_no, c.amount, c.currency, c.coupon_id, c.claimed_at
from asked join claims c using (envelope_id, player_id)
union
select c.id, c.envelope_id, c.player_id, c.share_no, c.amount, c.currency, c.coupon_id, c.claimed_at
from asked join claims c using (envelope_id, share_no)
union all
select null, e.id, null, null, null, null, null, null
from envelopes e left join campaigns c on c.id = e.campaign_id
where e.id = any($1::uuid[]) and (c.is_stopped or exists (
  select from budgets b
  where b.state = 'frozen' and b.name in ('platform', 'platform:' || e.currency, 'merchant:' || e.hider_id,
    'merchant:' || e.hider_id || ':' || e.currency, 'campaign:' || e.campaign_id,
    'campaign:' || e.campaign_id || ':' || e.currency)))
