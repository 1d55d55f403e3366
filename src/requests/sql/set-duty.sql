-- Puts a provider on duty, or off.
-- Params: $1 player, $2 on duty, $3 category or null, $4 now
-- Returns: nothing
insert into provider_duties (player_id, is_on_duty, category, changed_at) values ($1, $2, $3, $4)
on conflict (player_id) do update set is_on_duty = $2, category = $3, changed_at = $4
