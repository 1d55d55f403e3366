-- What there is to tell the players who hid these envelopes, which have ended: of a lucky split with the largest claim,
-- the earliest of equals.
-- Params: $1 envelopes
-- Returns: id, hider_id, state, claimed_shares, claimed_amount, currency, best_id, best_player_id, best_amount
select e.id, e.hider_id, e.state, e.claimed_shares, e.claimed_amount, e.currency,
  best.id as best_id, best.player_id as best_player_id, best.amount as best_amount
from envelopes e
left join lateral (
  select id, player_id, amount from claims
  where envelope_id = e.id and e.split = 'lucky'
  order by amount desc, claimed_at, id limit 1
) best on true
where e.id = any($1::uuid[]) and e.hider_kind = 'player' and e.state in ('empty', 'expired', 'closed')
