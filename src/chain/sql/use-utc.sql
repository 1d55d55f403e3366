-- Until the transaction ends, times are written in UTC: a row has one text, wherever it is read.
-- Params: none
-- Returns: nothing of interest
select set_config('TimeZone', 'UTC', true)
