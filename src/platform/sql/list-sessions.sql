-- Sessions of our servers and tools on this database, besides the one that asks.
-- Params: none
-- Returns: pid, address
select pid, coalesce(host(client_addr), 'the same machine') as address from pg_stat_activity
where application_name = 'hexbao' and datname = current_database() and pid <> pg_backend_pid()
order by pid
