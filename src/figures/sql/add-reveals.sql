-- Adds what a server counted, in one order for all of them.
-- Params: $1 campaigns, $2 quarters of an hour, $3 reveals in each
-- Returns: nothing
insert into campaign_reveals (campaign_id, quarter_at, reveals)
select campaign_id, quarter_at, reveals from unnest($1::uuid[], $2::timestamptz[], $3::int[])
  as seen (campaign_id, quarter_at, reveals)
order by campaign_id, quarter_at
on conflict (campaign_id, quarter_at) do update set reveals = campaign_reveals.reveals + excluded.reveals
