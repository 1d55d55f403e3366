-- Holds off bans of these players until the transaction ends, in id order; whoever waited sees the ban that came first.
-- Params: $1 ids
-- Returns: id, banned_at
select id, banned_at from players where id = any($1::uuid[]) order by id for share
