-- What PostgreSQL promises about a commit, as this connection gets it.
-- Params: none
-- Returns: one row: version number, settings, whether it is a standby, standbys that follow it, sessions in use
select current_setting('server_version_num')::int as version, current_setting('server_version') as version_name,
  current_setting('fsync') as fsync, current_setting('full_page_writes') as full_page_writes,
  current_setting('synchronous_commit') as synchronous_commit, current_setting('data_sync_retry') as data_sync_retry,
  current_setting('zero_damaged_pages') as zero_damaged_pages,
  current_setting('ignore_checksum_failure') as ignore_checksum_failure,
  current_setting('synchronous_standby_names') as synchronous_standbys,
  current_setting('default_transaction_isolation') as isolation, pg_is_in_recovery() as is_standby,
  (select count(*)::int from pg_stat_replication where state is distinct from 'backup') as followers,
  current_setting('max_connections')::int as max_connections,
  current_setting('superuser_reserved_connections')::int as reserved_connections,
  (select extversion from pg_extension where extname = 'postgis') as postgis
