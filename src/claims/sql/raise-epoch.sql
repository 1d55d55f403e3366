-- Starts a new epoch of an envelope that has not ended, above the row's and above what Redis holds.
-- Params: $1 envelope, $2 the epoch to be above
-- Returns: epoch
update envelopes set epoch = greatest(epoch, $2::bigint) + 1 where id = $1 and state in ('funded', 'live', 'frozen')
returning epoch
