-- A page of dead letters, newest first.
-- Params: $1 limit, $2 updated of the last one seen or null, $3 its id
-- Returns: id, entry, fault, attempts, buried_at, updated_at
select id, entry, fault, attempts, buried_at, updated_at from dead_letters
where $2::timestamptz is null or (updated_at, id) < ($2, $3::uuid)
order by updated_at desc, id desc limit $1
