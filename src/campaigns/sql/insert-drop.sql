-- A new drop with its places.
-- Params: $1 id, $2 campaign, $3 state, $4 terms, $5 longitudes, $6 latitudes, $7 envelopes, $8 cost, $9 created,
--         $10 when its envelopes expire
-- Returns: nothing
insert into drops (id, campaign_id, state, terms, lngs, lats, envelopes, cost, created_at, expires_at)
values ($1, $2, $3, $4::jsonb, $5::float8[], $6::float8[], $7, $8, $9, $10)
