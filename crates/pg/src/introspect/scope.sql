-- The ids of some relations. $1, $2: namespaces and names, pairwise; or, where $2 is NULL, whole namespaces.
-- The second column tells the relations that were asked for from those they refer to.
WITH wanted AS (
    SELECT c.oid
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'c')
      AND CASE WHEN $2::text[] IS NULL THEN n.nspname = ANY ($1::text[])
               ELSE (n.nspname::text, c.relname::text)
                    IN (SELECT * FROM unnest($1::text[], $2::text[])) END
)
SELECT oid, true FROM wanted
UNION ALL
SELECT DISTINCT other, false
FROM (SELECT f.confrelid FROM pg_constraint f
      WHERE f.contype = 'f' AND f.conrelid IN (SELECT oid FROM wanted)
      UNION ALL
      SELECT h.inhparent FROM pg_inherits h WHERE h.inhrelid IN (SELECT oid FROM wanted)) AS referred (other)
WHERE other NOT IN (SELECT oid FROM wanted)
