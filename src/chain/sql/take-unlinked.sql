-- Takes the transfers that have waited longest for a link, whole rows of them until the batch is full.
-- Params: $1 transfers in a batch
-- Returns: turn, ids
delete from unlinked_transfers where turn in (
  select turn from (
    select turn, sum(cardinality(ids)) over (order by turn) - cardinality(ids) as earlier
    from (select turn, ids from unlinked_transfers order by turn limit $1) oldest
  ) counted where earlier < $1
) returning turn, ids
