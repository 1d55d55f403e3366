-- Replaces what can change of a service request, if it is still in the state and version that was read.
-- Params: $1 id, $2 state before, $3 version before, $4 price, $5 top-ups, $6 state, $7 offers, $8 provider, $9 reach,
--         $10 widens, $11 due, $12 accepted, $13 delivered, $14 reason of the dispute, $15 ended, $16 paid,
--         $17 expires, $18 funded, $19 device
-- Returns: version; nothing where it has changed meanwhile
update service_requests set version = version + 1, price = $4, top_ups = $5, state = $6, offers = $7, provider_id = $8,
  reach_m = $9, widens_at = $10, due_at = $11, accepted_at = $12, delivered_at = $13, dispute_reason = $14,
  ended_at = $15, paid = $16, expires_at = $17, funded_at = $18, device_id = $19
where id = $1 and state = $2 and version = $3
returning version
