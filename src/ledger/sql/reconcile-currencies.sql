-- Currencies whose accounts do not add up to zero: money came from nowhere or went there.
-- Params: none
-- Returns: currency, sum; found = how many in all
select currency, sum(credits - debits)::text as sum, count(*) over () as found
from accounts group by currency having sum(credits - debits) <> 0
order by currency limit 10
