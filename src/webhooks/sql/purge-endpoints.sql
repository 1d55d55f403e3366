-- Deletes endpoints that nobody has any more, once their logs are gone.
-- Params: none
-- Returns: nothing
delete from webhook_endpoints p
where owner like 'deleted:%' and not exists (select from webhook_deliveries where endpoint_id = p.id)
