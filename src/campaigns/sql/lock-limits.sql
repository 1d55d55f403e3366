-- Locks how often players have won in campaigns, in order; every pair has a row by now.
-- Params: $1 campaigns, $2 players
-- Returns: campaign_id, player_id, wins
select p.campaign_id, p.player_id, p.wins from campaign_players p
join unnest($1::uuid[], $2::uuid[]) as asked (campaign_id, player_id) using (campaign_id, player_id)
order by p.campaign_id, p.player_id for no key update of p
