-- The oldest events, as far as they are from before a moment.
-- Params: $1 before, $2 limit
-- Returns: position
select position from (select position, at from webhook_events order by position limit $2) oldest where at < $1
