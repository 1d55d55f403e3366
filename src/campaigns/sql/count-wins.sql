-- Adds wins to locked rows.
-- Params: $1 campaigns, $2 players, $3 wins of each
-- Returns: nothing
update campaign_players p set wins = p.wins + won.wins
from unnest($1::uuid[], $2::uuid[], $3::int[]) as won (campaign_id, player_id, wins)
where p.campaign_id = won.campaign_id and p.player_id = won.player_id
