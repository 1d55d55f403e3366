-- The queues in which events still wait.
-- Params: $1 positions
-- Returns: endpoint_id, subject_id
select distinct endpoint_id, subject_id from webhook_deliveries
where position = any($1::bigint[]) and state = 'waiting'
