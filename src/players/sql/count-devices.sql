-- Whether a device is a player's already, and how many became theirs lately.
-- Params: $1 player, $2 device, $3 since
-- Returns: is_known, recent
select coalesce(bool_or(device_id = $2), false) as is_known,
       count(*) filter (where first_used_at > $3)::int as recent
from player_devices where player_id = $1
