-- How many coupons out of the envelopes of a campaign were redeemed.
-- Params: $1 campaign
-- Returns: redeemed; no row where the campaign gives no coupons
select (
  select count(*)::int from coupons p join envelopes e on e.id = p.envelope_id
  where p.pool_id = c.coupon_pool_id and p.state = 'redeemed' and e.campaign_id = c.id
) as redeemed
from campaigns c where c.id = $1 and c.coupon_pool_id is not null
