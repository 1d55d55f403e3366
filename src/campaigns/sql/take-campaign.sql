-- A campaign belongs to the merchant who names it first.
-- Params: $1 id, $2 merchant, $3 now
-- Returns: nothing
insert into campaigns (id, merchant_id, created_at) values ($1, $2, $3) on conflict (id) do nothing
