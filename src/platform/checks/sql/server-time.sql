-- PostgreSQL's clock.
-- Params: none
-- Returns: one row: milliseconds since the Unix epoch
select (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms
