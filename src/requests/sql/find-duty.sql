-- Whether a provider is on duty.
-- Params: $1 player
-- Returns: is_on_duty, category; nothing of who never said
select is_on_duty, category from provider_duties where player_id = $1
