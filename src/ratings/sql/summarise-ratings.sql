-- How one side has rated some players, by ratings that are told: with a counterpart, or because their time has come.
-- Params: $1 players, $2 the side that rates, $3 now
-- Returns: rated_id, count, stars (their sum)
select r.rated_id, count(*)::int as count, sum(r.stars)::int as stars from ratings r
where r.rated_id = any($1::uuid[]) and r.side = $2
  and (r.tells_at <= $3 or exists (
    select from ratings other where other.request_id = r.request_id and other.side <> r.side))
group by r.rated_id
