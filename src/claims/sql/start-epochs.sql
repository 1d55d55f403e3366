-- Starts a new epoch of envelopes that have not ended, above the row's and above what Redis holds.
-- Params: $1 envelopes, $2 for each the epoch to be above
-- Returns: id, epoch
update envelopes e set epoch = greatest(e.epoch, asked.above) + 1
from unnest($1::uuid[], $2::bigint[]) as asked (id, above)
where e.id = asked.id and e.state in ('funded', 'live', 'frozen')
returning e.id, e.epoch
