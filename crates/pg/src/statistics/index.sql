-- Scans and sizes of indexes. $1: only of these relations, or all where NULL; $2 as in table.sql.
SELECT i.indrelid,
       c.relname,
       pg_stat_get_numscans(c.oid),
       CASE WHEN $2 THEN pg_relation_size(c.oid)
            ELSE c.relpages::int8 * current_setting('block_size')::int8 END
FROM pg_index i
     JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid >= 16384
  AND c.relnamespace <> 99   -- the namespace of TOAST tables
  AND ($1::oid[] IS NULL OR i.indrelid = ANY ($1))
