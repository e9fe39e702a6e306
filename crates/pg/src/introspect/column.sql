-- Columns of tables, views and composite types. $2: only of these relations, or all where NULL.
-- The collation is named only where it is not the one of the type.
SELECT a.attrelid,
       a.attnum,
       a.attname,
       a.atttypid,
       a.atttypmod,
       CASE WHEN a.atttypid < 16384 OR a.atttypmod <> -1 THEN format_type(a.atttypid, a.atttypmod) END,
       a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid),
       a.attidentity::text,
       a.attgenerated::text,
       a.attcollation,
       CASE WHEN a.attcollation NOT IN (0, 100) THEN
           (SELECT CASE WHEN n.nspname = 'pg_catalog' THEN co.collname::text
                        ELSE n.nspname || '.' || co.collname END
            FROM pg_collation co JOIN pg_namespace n ON n.oid = co.collnamespace
            WHERE co.oid = a.attcollation
              AND a.attcollation <> (SELECT t.typcollation FROM pg_type t WHERE t.oid = a.atttypid))
       END,
       a.attacl::text[]
FROM pg_attribute a
     JOIN pg_class c ON c.oid = a.attrelid
     LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid >= 16384
  AND a.attnum > 0
  AND NOT a.attisdropped
  AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'c')
  AND ($2::oid[] IS NULL OR a.attrelid = ANY ($2)) -- of all
  AND a.attrelid = ANY ($2::oid[]) -- of tables
ORDER BY a.attrelid, a.attnum
