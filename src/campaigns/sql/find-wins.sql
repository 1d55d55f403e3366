-- How often a player has won in a campaign that limits it.
-- Params: $1 campaign, $2 player
-- Returns: wins, or no row
select wins from campaign_players where campaign_id = $1 and player_id = $2
