-- Makes a device a player's.
-- Params: $1 player, $2 device, $3 time
-- Returns: nothing
insert into player_devices (player_id, device_id, first_used_at) values ($1, $2, $3)
