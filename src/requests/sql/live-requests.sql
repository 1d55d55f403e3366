-- What the live index holds of the cells that providers are in: res-9 cells, never the place.
-- Params: $1 bigint[] res-7 cells
-- Returns: id, poster_id, mode, category, text, currency, price, reach_m, expires_at, cell_r9, cell_r7, version
select id, poster_id, mode, category, text, currency, price, reach_m, expires_at, cell_r9, cell_r7, version
from service_requests
where state in ('open', 'offered') and cell_r7 = any($1::bigint[])
