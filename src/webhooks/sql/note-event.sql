-- An event, where an endpoint asks for its type.
-- Params: $1 owner, $2 type, $3 subject, $4 facts, $5 time
-- Returns: nothing
insert into webhook_events (owner, type, subject_id, facts, at)
select $1, $2, $3, $4::jsonb, $5
where exists (select from webhook_endpoints where owner = $1 and $2 = any (types))
