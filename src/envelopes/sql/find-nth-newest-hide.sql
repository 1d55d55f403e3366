-- When a hider hid their n-th newest envelope.
-- Params: $1 hider, $2 kind of hider, $3 n - 1
-- Returns: created_at, or no row
select created_at from envelopes
where hider_id = $1 and hider_kind = $2
order by created_at desc, id desc
offset $3 limit 1
