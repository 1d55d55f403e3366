-- Whether a place lies in a merchant's verified area.
-- Params: $1 merchant, $2 longitude, $3 latitude
-- Returns: is_covered; no row for an unknown merchant
select coalesce(ST_Covers(area, ST_SetSRID(ST_MakePoint($2, $3), 4326)::geography), false) as is_covered
from merchants where id = $1
