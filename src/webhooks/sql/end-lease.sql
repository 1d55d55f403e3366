-- Ends a lease with what came of the attempt; whoever was away for longer than their lease changes nothing.
-- Params: $1 delivery, $2 lease, $3 state, $4 failures, $5 due or null, $6 ended or null
-- Returns: id; nothing where the lease is another's
update webhook_deliveries set state = $3, failures = $4, due_at = $5, ended_at = $6, leased_until = null
where id = $1 and lease = $2 and state = 'waiting'
returning id
