-- Takes events that were not handed out yet, oldest first. A transaction that commits late is taken late; of one
-- subject never, because the next event of it waited for that transaction. Nor does another server skip what one has
-- in hand: it waits, or a later event would come before an earlier one.
-- Params: $1 limit
-- Returns: position, owner
update webhook_events set is_new = false
where position in (select position from webhook_events where is_new order by position limit $1 for update)
returning position, owner
