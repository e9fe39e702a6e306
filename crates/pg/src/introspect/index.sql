-- Indexes of tables and materialized views. $1: only of these relations, or all where NULL.
-- Expressions are listed in key order, only for the keys that are no column (attribute number 0).
-- Collations are named only where some key has another than the database's.
SELECT i.indexrelid,
       i.indrelid,
       ic.relname,
       am.amname,
       i.indisunique,
       i.indnullsnotdistinct,   -- since 15
       false,                   -- before 15
       i.indisvalid,
       i.indnkeyatts,
       i.indkey::int2[],
       i.indoption::int2[],
       i.indclass::oid[],
       i.indcollation::oid[],
       CASE WHEN i.indexprs IS NOT NULL THEN
           ARRAY(SELECT CASE WHEN k.attnum = 0 THEN pg_get_indexdef(i.indexrelid, k.position::int, false) END
                 FROM unnest(i.indkey) WITH ORDINALITY k (attnum, position)
                 ORDER BY k.position)
       END,
       CASE WHEN NOT i.indcollation::oid[] <@ '{0,100}'::oid[] THEN
           ARRAY(SELECT co.collname::text
                 FROM unnest(i.indcollation) WITH ORDINALITY k (coll, position)
                      LEFT JOIN pg_collation co ON co.oid = k.coll
                 ORDER BY k.position)
       END,
       pg_get_expr(i.indpred, i.indrelid),
       ic.reloptions
FROM pg_index i
     JOIN pg_class ic ON ic.oid = i.indexrelid
     JOIN pg_am am ON am.oid = ic.relam
WHERE i.indexrelid >= 16384
  AND i.indrelid >= 16384
  AND ic.relnamespace <> 99   -- the namespace of TOAST tables
  AND ($1::oid[] IS NULL OR i.indrelid = ANY ($1)) -- of all
  AND i.indrelid = ANY ($1::oid[]) -- of tables
ORDER BY i.indrelid, ic.relname
