-- Rows for players who have not won in a campaign yet.
-- Params: $1 campaigns, $2 players
-- Returns: nothing
insert into campaign_players (campaign_id, player_id, wins)
select campaign_id, player_id, 0 from unnest($1::uuid[], $2::uuid[]) as asked (campaign_id, player_id)
order by campaign_id, player_id
on conflict do nothing
