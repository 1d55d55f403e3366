-- Live envelopes that a player has won from already: they get no hint of them.
-- Params: $1 player
-- Returns: envelope_id
select c.envelope_id from claims c join envelopes e on e.id = c.envelope_id
where c.player_id = $1 and e.state = 'live' order by c.claimed_at desc limit 2000
