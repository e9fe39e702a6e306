-- Object ids with the names that the objects have now: class, id, part, namespace, what it is part of, name.
-- Ids below 16384 belong to the system; so do namespaces that begin with pg_.
WITH ns AS MATERIALIZED (
    SELECT n.oid, n.nspname FROM pg_catalog.pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
), rel AS MATERIALIZED (
    SELECT c.oid, ns.nspname, c.relname, c.relkind, c.reltype
    FROM pg_catalog.pg_class c JOIN ns ON ns.oid = c.relnamespace
    WHERE c.oid >= 16384
)
SELECT 'namespace', ns.oid, 0, '', '', ns.nspname::text FROM ns
UNION ALL
SELECT CASE r.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
                      WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' ELSE 'table' END,
       r.oid, 0, r.nspname, '', r.relname
FROM rel r
WHERE r.relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'i', 'I')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k
                  WHERE k.conindid = r.oid AND k.contype IN ('p', 'u', 'x') AND r.relkind IN ('i', 'I'))
UNION ALL
SELECT CASE r.relkind WHEN 'c' THEN 'attribute' ELSE 'column' END, a.attrelid, a.attnum, r.nspname, r.relname, a.attname
FROM pg_catalog.pg_attribute a JOIN rel r ON r.oid = a.attrelid
WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relkind IN ('r', 'p', 'f', 'c')
UNION ALL
SELECT 'constraint', k.oid, 0, r.nspname, r.relname, k.conname
FROM pg_catalog.pg_constraint k JOIN rel r ON r.oid = k.conrelid
     LEFT JOIN pg_catalog.pg_constraint above ON above.oid = k.conparentid
WHERE above.conrelid IS DISTINCT FROM k.conrelid
UNION ALL
SELECT 'domain constraint', k.oid, 0, ns.nspname, t.typname, k.conname
FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_type t ON t.oid = k.contypid JOIN ns ON ns.oid = t.typnamespace
UNION ALL
SELECT 'trigger', g.oid, 0, r.nspname, r.relname, g.tgname
FROM pg_catalog.pg_trigger g JOIN rel r ON r.oid = g.tgrelid
WHERE NOT g.tgisinternal
UNION ALL
SELECT 'policy', p.oid, 0, r.nspname, r.relname, p.polname
FROM pg_catalog.pg_policy p JOIN rel r ON r.oid = p.polrelid
UNION ALL
SELECT CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'type' END, t.oid, 0, ns.nspname, '', t.typname
FROM pg_catalog.pg_type t JOIN ns ON ns.oid = t.typnamespace
WHERE t.oid >= 16384
  AND (t.typtype IN ('e', 'd', 'r')
       OR (t.typtype = 'c' AND EXISTS (SELECT FROM rel r WHERE r.reltype = t.oid AND r.relkind = 'c')))
UNION ALL
SELECT 'label', e.oid, 0, ns.nspname, t.typname, e.enumlabel
FROM pg_catalog.pg_enum e JOIN pg_catalog.pg_type t ON t.oid = e.enumtypid JOIN ns ON ns.oid = t.typnamespace
UNION ALL
SELECT 'routine', p.oid, 0, ns.nspname, pg_catalog.pg_get_function_identity_arguments(p.oid), p.proname
FROM pg_catalog.pg_proc p JOIN ns ON ns.oid = p.pronamespace
WHERE p.oid >= 16384
