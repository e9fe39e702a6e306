-- Invalid indexes, and constraints that were never validated, of the tables in some namespaces ($1) that are not an
-- extension's. The first column tells the two apart.
SELECT left_behind.is_index, n.nspname, c.relname, left_behind.name
FROM (SELECT true, i.indrelid, x.relname
      FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
      WHERE NOT i.indisvalid
      UNION ALL
      SELECT false, k.conrelid, k.conname
      FROM pg_constraint k
      WHERE NOT k.convalidated AND k.contype IN ('c', 'f', 'n')) AS left_behind (is_index, relation, name)
     JOIN pg_class c ON c.oid = left_behind.relation
     JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1::text[])
  AND c.relkind IN ('r', 'p', 'f')
  AND c.relpersistence <> 't'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 2, 3, 4
