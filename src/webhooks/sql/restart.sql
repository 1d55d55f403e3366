-- Makes a delivery that has ended wait again, with all its attempts before it, and one that waits for another attempt
-- due. One that is under way, or stands behind another one, is left as it is.
-- Params: $1 delivery, $2 now
-- Returns: nothing
update webhook_deliveries set state = 'waiting', failures = 0, ended_at = null,
  due_at = case state when 'waiting' then $2 end
where id = $1 and (state <> 'waiting' or (due_at > $2 and leased_until is null))
