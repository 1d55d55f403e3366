-- How many deliveries stand first about their subject and wait, and since when the first of them has been due.
-- Params: none
-- Returns: waiting, lag = seconds
select count(*)::int as waiting, greatest(0, coalesce(extract(epoch from now() - min(due_at)), 0))::float8 as lag
from webhook_deliveries where due_at is not null
