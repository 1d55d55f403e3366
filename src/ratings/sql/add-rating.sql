-- Adds one side's rating; the first one stays.
-- Params: $1 service request, $2 side, $3 who is rated, $4 stars, $5 text or null, $6 now, $7 when it is told
-- Returns: nothing
insert into ratings (request_id, side, rated_id, stars, text, rated_at, tells_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (request_id, side) do nothing
