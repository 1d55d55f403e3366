-- A budget that is open and has no caps, unless there is one.
-- Params: $1 id, $2 kind, $3 owner or null, $4 currency or null, $5 now
-- Returns: nothing
insert into budgets (id, kind, owner_id, currency, state, since, created_at) values ($1, $2, $3, $4, 'open', $5, $5)
on conflict (name) do nothing
