-- Why envelopes that were live are so no longer, where the index missed the message.
-- Params: $1 uuid[] envelopes
-- Returns: id, state; nothing of those that live
select id, state
from envelopes
where id = any($1::uuid[]) and state in ('empty', 'expired', 'closed', 'frozen')
