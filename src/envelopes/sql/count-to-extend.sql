-- How many envelopes of a drop that have not ended expire before a time.
-- Params: $1 drop, $2 time
-- Returns: envelopes
select count(*)::int as envelopes from envelopes
where drop_id = $1 and state in ('funded', 'live', 'frozen') and expires_at < $2
