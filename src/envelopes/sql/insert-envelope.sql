-- A new envelope, funded or live.
-- Params: $1 id, $2 kind of hider, $3 hider, $4 longitude, $5 latitude, $6 res-12 cell, $7 claim radius in m,
--         $8 currency, $9 total, $10 shares, $11 split, $12 share cap, $13 seed, $14 commitment, $15 audience,
--         $16 sealed passphrase, $17 greeting, $18 clue, $19 brand, $20 campaign or null, $21 state, $22 opens,
--         $23 expires, $24 created, $25 presence, $26 whether its text is shown
-- Returns: nothing
insert into envelopes (id, hider_kind, hider_id, place, cell_r12, claim_radius_m, currency, total, share_count, split,
  share_cap, seed, commitment, audience, passphrase_mac, greeting, clue, brand, campaign_id,
  state, opens_at, expires_at, created_at, presence, shows_text)
values ($1, $2, $3, st_setsrid(st_makepoint($4, $5), 4326)::geography, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
  $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)
