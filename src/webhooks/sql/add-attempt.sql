-- Notes an attempt, unless its delivery was deleted meanwhile.
-- Params: $1 delivery, $2 lease, $3 begun, $4 ms, $5 status or null, $6 fault or null, $7 response or null
-- Returns: nothing
insert into webhook_attempts (delivery_id, lease, begun_at, took_ms, status, fault, response)
select $1, $2, $3, $4, $5, $6, $7 where exists (select from webhook_deliveries where id = $1)
on conflict do nothing
