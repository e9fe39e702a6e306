-- Tables, views, sequences and the relations behind composite types. $2: only these, or all where NULL.
-- Object ids below 16384 belong to the system.
SELECT c.oid,
       c.relname,
       c.relnamespace,
       c.relkind::text,
       c.relpersistence::text,
       pg_get_userbyid(c.relowner),
       c.relacl::text[],
       c.relrowsecurity,
       c.relforcerowsecurity,
       pg_get_expr(c.relpartbound, c.oid),
       CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
       c.reloptions,
       c.relispopulated,
       CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
       EXISTS (SELECT FROM pg_depend d
               WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
FROM pg_class c
WHERE c.oid >= 16384
  AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'c')
  AND ($2::oid[] IS NULL OR c.oid = ANY ($2)) -- of all
  AND c.oid = ANY ($2::oid[]) -- of tables
