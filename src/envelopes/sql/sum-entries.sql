-- What moved into and out of one envelope, and what its escrow holds by its own account.
-- Params: $1 envelope
-- Returns: funded, claimed, refunded, remaining
select coalesce(sum(amount) filter (where kind = 'escrow'), 0)::bigint as funded,
  coalesce(sum(amount) filter (where kind = 'claim'), 0)::bigint as claimed,
  coalesce(sum(amount) filter (where kind = 'refund'), 0)::bigint as refunded,
  coalesce((
    select sum(credits - debits) from accounts where kind = 'escrow' and owner_id = $1
  ), 0)::bigint as remaining
from transfers where envelope_id = $1
