-- Row estimates, sizes and counters of tables. $1: only of these tables, or all where NULL.
-- $2: measure the files, which waits for whoever holds an exclusive lock; else the page counts of the last
-- VACUUM or ANALYZE.
SELECT c.oid,
       CASE WHEN c.reltuples >= 0
             AND (c.reltuples > 0 OR c.relpages > 0)   -- before 14
            THEN c.reltuples::float8 END,
       CASE WHEN $2 THEN pg_table_size(c.oid)
            ELSE (c.relpages + coalesce(t.relpages, 0))::int8 * current_setting('block_size')::int8 END,
       CASE WHEN $2 THEN pg_total_relation_size(c.oid)
            ELSE (c.relpages + coalesce(t.relpages, 0)
                  + coalesce((SELECT sum(ic.relpages) FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid
                              WHERE i.indrelid = c.oid), 0))::int8
                 * current_setting('block_size')::int8 END,
       pg_stat_get_numscans(c.oid),
       (SELECT coalesce(sum(pg_stat_get_numscans(i.indexrelid)), 0)::int8
        FROM pg_index i WHERE i.indrelid = c.oid),
       pg_stat_get_tuples_inserted(c.oid),
       pg_stat_get_tuples_updated(c.oid),
       pg_stat_get_tuples_deleted(c.oid),
       has_table_privilege(c.oid, 'SELECT'),
       c.relrowsecurity AND row_security_active(c.oid),
       current_user::text
FROM pg_class c
     LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
WHERE c.oid >= 16384
  AND c.relkind IN ('r', 'p', 'f')
  AND ($1::oid[] IS NULL OR c.oid = ANY ($1))
