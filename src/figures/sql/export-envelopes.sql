-- A page of the envelopes of a campaign's drops, newest first, behind the last one sent.
-- Params: $1 campaign, $2 created of the last one, $3 its id, $4 rows
-- Returns: the columns of an export, lng and lat of the place
select id, cell_r9, ST_X(place::geometry) as lng, ST_Y(place::geometry) as lat, state, share_count, claimed_shares, total,
  claimed_amount, currency, opens_at, expires_at, ended_at, first_claimed_at, drop_id, greeting, clue, brand, created_at
from envelopes
where campaign_id = $1 and drop_id is not null and (created_at, id) < ($2::timestamptz, $3::uuid)
order by created_at desc, id desc limit $4
