-- The latest attempts of a delivery.
-- Params: $1 delivery
-- Returns: begun_at, took_ms, status, fault, response
select begun_at, took_ms, status, fault, response from webhook_attempts
where delivery_id = $1 order by lease desc limit 50
