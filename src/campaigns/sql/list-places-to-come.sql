-- Where a merchant's drops that are filling will place envelopes, inside of a box.
-- Params: $1 merchant, $2 west, $3 south, $4 east, $5 north
-- Returns: lng, lat
select place.lng, place.lat
from drops d join campaigns c on c.id = d.campaign_id, unnest(d.lngs, d.lats) as place (lng, lat)
where c.merchant_id = $1 and d.state = 'filling'
  and place.lng between $2 and $4 and place.lat between $3 and $5
