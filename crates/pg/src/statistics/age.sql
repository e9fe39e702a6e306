-- How long the counters have been running. Where they were never reset they are at least as old as the
-- server's start.
SELECT extract(epoch FROM now() - coalesce(pg_stat_get_db_stat_reset_time(d.oid), pg_postmaster_start_time()))::float8
FROM pg_database d
WHERE d.datname = current_database()
