-- A new endpoint, active.
-- Params: $1 id, $2 owner, $3 URL, $4 types, $5 description, $6 sealed secret, $7 created
-- Returns: nothing
insert into webhook_endpoints (id, owner, url, types, description, state, secret, created_at)
values ($1, $2, $3, $4, $5, 'active', $6, $7)
