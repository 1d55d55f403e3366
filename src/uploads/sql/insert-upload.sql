-- Keeps an upload; the same once more is as good as new.
-- Params: $1 id, $2 campaign, $3 format, $4 how many points, $5 longitudes, $6 latitudes, $7 rows, $8 created
-- Returns: nothing
insert into uploads (id, campaign_id, format, points, lngs, lats, rows, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (id) do update set created_at = excluded.created_at
