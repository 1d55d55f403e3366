-- Transfers that no link covers although nothing waits to link them, or that have waited too long by PostgreSQL's own
-- clock.
-- Params: $1 seconds, $2 limit
-- Returns: transfer_id, is_waiting; found = how many in all
with waiting as (select unnest(ids) as id, queued_at from unlinked_transfers)
select t.id as transfer_id, waiting.id is not null as is_waiting, count(*) over () as found
from transfers t
left join transfer_links link on link.transfer_id = t.id
left join waiting on waiting.id = t.id
where link.transfer_id is null and (waiting.id is null or waiting.queued_at < now() - make_interval(secs => $1))
order by t.created_at, t.id limit $2
