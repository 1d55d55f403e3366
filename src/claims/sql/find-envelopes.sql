-- What the claim path knows of envelopes; read again only when the gate says that it changed.
-- Params: $1 ids
-- Returns: one row per envelope found
select e.id, e.state, e.epoch, e.opens_at, e.expires_at, e.cell_r12, e.cell_r7, e.claim_radius_m, e.hider_kind,
  e.hider_id, e.currency, e.campaign_id, e.audience, e.passphrase_mac, c.wins_per_player,
  e.presence, k.secret as code_secret, k.former_secret as code_former_secret, k.changes_at as code_changes_at,
  array(select g.player_id from envelope_guests g where g.envelope_id = e.id and e.audience = 'players') as guest_ids
from envelopes e
left join campaigns c on c.id = e.campaign_id
left join campaign_codes k on k.campaign_id = e.campaign_id and e.presence = 'code'
where e.id = any($1::uuid[])
