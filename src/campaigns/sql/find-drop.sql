-- One drop, without its places.
-- Params: $1 id
-- Returns: the columns of a drop and its currency, or no row
select d.id, d.campaign_id, c.currency, d.state, d.terms, d.envelopes, d.placed, d.cost, d.fault, d.is_opened,
  d.created_at, d.ended_at, d.expires_at
from drops d join campaigns c on c.id = d.campaign_id where d.id = $1
