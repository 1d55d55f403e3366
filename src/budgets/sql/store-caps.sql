-- The caps of a locked budget, and since when its use is counted.
-- Params: $1 id, $2 cap in total or null, $3 cap per hour or null, $4 counted since or null, $5 used in total,
--         $6 used in the hour
-- Returns: nothing
update budgets set total_cap = $2, hour_cap = $3, counted_since = $4, used_total = $5, used_hour = $6 where id = $1
