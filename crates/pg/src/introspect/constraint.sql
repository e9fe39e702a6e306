-- Constraints of tables and of domains, each with the expression or definition that its kind needs.
-- $1: only of these tables and of all domains, or all where NULL. A parent on the same table marks the copies that a foreign
-- key to a partitioned table makes for each partition of it.
SELECT c.oid,
       c.conname,
       c.conrelid,
       c.contypid,
       c.contype::text,
       c.convalidated,
       c.condeferrable,
       c.condeferred,
       c.conindid,
       c.confrelid,
       c.confupdtype::text,
       c.confdeltype::text,
       c.confmatchtype::text,
       c.conkey,
       c.confkey,
       c.connoinherit,
       CASE WHEN c.contype = 'c' AND c.conrelid <> 0 THEN pg_get_expr(c.conbin, c.conrelid)
            WHEN c.contype IN ('c', 'x') THEN pg_get_constraintdef(c.oid) END,
       c.conparentid <> 0
         AND (SELECT p.conrelid FROM pg_constraint p WHERE p.oid = c.conparentid) = c.conrelid
FROM pg_constraint c
WHERE c.oid >= 16384
  AND c.contype IN ('p', 'u', 'f', 'c', 'x', 'n')
  AND ($1::oid[] IS NULL OR c.conrelid = ANY ($1) OR c.contypid <> 0) -- of all
  AND c.conrelid = ANY ($1::oid[]) -- of tables
ORDER BY c.conrelid, c.conname
