-- New envelopes of a drop, on the same terms, funded.
-- Params: $1 ids, $2 longitudes, $3 latitudes, $4 res-12 cells, $5 seeds, $6 commitments, $7 merchant, $8 campaign,
--         $9 drop, $10 claim radius in m, $11 currency, $12 total, $13 shares, $14 split, $15 greeting, $16 clue,
--         $17 brand, $18 opens, $19 expires, $20 created,
--         $21 presence
-- Returns: nothing
insert into envelopes (id, hider_kind, hider_id, place, cell_r12, claim_radius_m, currency, total, share_count, split,
  seed, commitment, audience, greeting, clue, brand, campaign_id, drop_id, state, opens_at, expires_at, created_at,
  presence)
select id, 'merchant', $7, st_setsrid(st_makepoint(lng, lat), 4326)::geography, cell, $10, $11, $12, $13, $14, seed,
  commitment, 'anyone', $15, $16, $17, $8, $9, 'funded', $18, $19, $20, $21
from unnest($1::uuid[], $2::float8[], $3::float8[], $4::bigint[], $5::bytea[], $6::bytea[])
  as batch (id, lng, lat, cell, seed, commitment)
