-- How many wins a player has had since the day began: seeds the permits when Redis has forgotten them.
-- Params: $1 player, $2 start of the day
-- Returns: claims
select count(*)::int as claims from claims where player_id = $1 and claimed_at >= $2
