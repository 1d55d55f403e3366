-- Envelopes by id, in the order asked for, without seed and passphrase.
-- Params: $1 ids
-- Returns: the columns of an envelope, its place as lng and lat
select id, hider_kind, hider_id, st_x(place::geometry) as lng, st_y(place::geometry) as lat, cell_r12, claim_radius_m,
  currency, total, share_count, split, share_cap, encode(commitment, 'hex') as commitment, audience, greeting, clue,
  brand, shows_text, campaign_id, drop_id, state, epoch, opens_at, expires_at, created_at, ended_at, claimed_shares,
  claimed_amount, presence, reports
from unnest($1::uuid[]) with ordinality as wanted (id, place_in_list)
join envelopes using (id)
order by place_in_list
