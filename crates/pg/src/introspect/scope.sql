-- The ids of some relations. $1: namespaces, and $2: names, pairwise; or, for whole namespaces, no names.
-- The second column tells the relations that were asked for from those they refer to.
WITH wanted AS MATERIALIZED (
    SELECT c.oid
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace -- of all
    WHERE n.nspname = ANY ($1::text[]) -- of all
    FROM unnest($1::text[], $2::text[]) AS asked (namespace, name) -- of tables
         JOIN pg_namespace n ON n.nspname = asked.namespace::name -- of tables
         JOIN pg_class c ON c.relname = asked.name::name AND c.relnamespace = n.oid -- of tables
      AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'c')
)
SELECT oid, true FROM wanted
UNION ALL
SELECT DISTINCT other, false
FROM (SELECT f.confrelid FROM pg_constraint f
      WHERE f.contype = 'f' AND f.conrelid IN (SELECT oid FROM wanted)
      UNION ALL
      SELECT h.inhparent FROM pg_inherits h WHERE h.inhrelid IN (SELECT oid FROM wanted)) AS referred (other)
WHERE other NOT IN (SELECT oid FROM wanted)
