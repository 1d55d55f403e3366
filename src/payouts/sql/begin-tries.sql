-- Counts a try of each payout that is due and puts off its next one, before anybody is called: a server that dies in
-- between has tried.
-- Params: $1 now, $2 first delay in ms, doubled with each try, $3 longest delay in ms, $4 tries at most, $5 rows
-- Returns: id, owner_kind, owner_id, currency, amount, destination, state, reason, reference, created_at, ended_at,
--          tries
update payouts set tries = tries + 1,
  next_try_at = case when tries + 1 < $4::int
    then $1::timestamptz + least($2::float8 * 2 ^ tries, $3::float8) * interval '1 ms' end
where id in (
  select id from payouts where next_try_at <= $1::timestamptz order by next_try_at, id limit $5 for update skip locked
)
returning id, owner_kind, owner_id, currency, amount, destination, state, reason, reference, created_at, ended_at, tries
