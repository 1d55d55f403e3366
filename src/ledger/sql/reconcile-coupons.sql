-- Pools whose coupons are not all where they should be: as many as were uploaded, free = pooled without what drops have
-- still to place, none in an envelope that ended, each that was given with its claim of that player and share, each
-- claim of a coupon with that coupon, and what is redeemed was given and has its redemption.
-- Params: none
-- Returns: pool, uploaded, coupons, free, pooled, awaited, lost, given, claims, wrong, redeemed, redemptions;
--          found = how many in all
with rows as (
  select c.pool_id, count(*) as coupons, count(*) filter (where c.state = 'pooled') as pooled,
    count(*) filter (where c.state = 'placed' and e.state in ('empty', 'expired', 'closed')) as lost,
    count(c.player_id) as given, count(won.id) as claims,
    count(*) filter (where (c.player_id, c.envelope_id, c.share_no) is distinct from
      (won.player_id, won.envelope_id, won.share_no) and (c.player_id is not null or won.id is not null)
      or (c.state in ('placed', 'given', 'redeemed') and s.coupon_id is null)) as wrong,
    count(*) filter (where c.state = 'redeemed') as redeemed, count(r.coupon_id) as redemptions,
    count(*) filter (where (r.coupon_id is not null) <> (c.state = 'redeemed')) as wrong_redemptions
  from coupons c
  left join envelopes e on e.id = c.envelope_id
  left join envelope_shares s on s.envelope_id = c.envelope_id and s.share_no = c.share_no and s.coupon_id = c.id
  left join claims won on won.coupon_id = c.id
  left join coupon_redemptions r on r.coupon_id = c.id
  group by c.pool_id
), awaited as (
  select c.coupon_pool_id as pool_id, sum((d.envelopes - d.placed) * (d.terms ->> 'shares')::bigint) as awaited
  from drops d join campaigns c on c.id = d.campaign_id
  where d.state in ('filling', 'undoing') and c.coupon_pool_id is not null group by c.coupon_pool_id
), sums as (
  select p.id as pool, p.uploaded, p.free, coalesce(r.coupons, 0) as coupons, coalesce(r.pooled, 0) as pooled,
    coalesce(a.awaited, 0) as awaited, coalesce(r.lost, 0) as lost, coalesce(r.given, 0) as given,
    coalesce(r.claims, 0) as claims, coalesce(r.wrong, 0) as wrong, coalesce(r.redeemed, 0) as redeemed,
    coalesce(r.redemptions, 0) as redemptions, coalesce(r.wrong_redemptions, 0) as wrong_redemptions
  from coupon_pools p left join rows r on r.pool_id = p.id left join awaited a on a.pool_id = p.id
)
select pool, uploaded, coupons, free, pooled, awaited::text, lost, given, claims, wrong, redeemed, redemptions,
  count(*) over () as found
from sums
where uploaded <> coupons or free <> pooled - awaited or lost > 0 or given <> claims or wrong > 0
  or redeemed <> redemptions or redeemed > given or wrong_redemptions > 0
order by pool limit 10
