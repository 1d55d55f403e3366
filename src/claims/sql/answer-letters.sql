-- What a replay could not settle goes to the end of the queue, with the fault where there was one.
-- Params: $1 ids, $2 faults or null, $3 now
-- Returns: nothing
update dead_letters d set attempts = d.attempts + 1, fault = coalesce(answer.fault, d.fault), updated_at = $3
from unnest($1::uuid[], $2::text[]) as answer (id, fault)
where d.id = answer.id
