-- The res-7 cells that a drop's envelopes lie in.
-- Params: $1 drop
-- Returns: cell_r7
select distinct cell_r7 from envelopes where drop_id = $1
