-- Moves a locked drop on.
-- Params: $1 id, $2 state, $3 placed, $4 fault or null, $5 is opened, $6 when it ended or null,
--         $7 when its envelopes expire
-- Returns: nothing
update drops set state = $2, placed = $3, fault = $4, is_opened = $5, ended_at = $6, expires_at = $7 where id = $1
