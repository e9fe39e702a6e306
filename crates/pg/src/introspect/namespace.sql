-- Namespaces of people: system, TOAST and temporary ones all begin with pg_.
SELECT n.oid,
       n.nspname,
       pg_get_userbyid(n.nspowner),
       n.nspacl::text[],
       EXISTS (SELECT FROM pg_depend d
               WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e')
FROM pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
