-- Adds links; the primary key refuses whoever read an older head.
-- Params: $1 sequence numbers, $2 transfers, $3 hashes
-- Returns: nothing
insert into transfer_links (sequence, transfer_id, hash) select * from unnest($1::bigint[], $2::uuid[], $3::bytea[])
