-- Comments by catalog, object and column number; the comment that every new database has on public is none
-- of anybody's.
SELECT d.classoid, d.objoid, d.objsubid, d.description
FROM pg_description d
WHERE d.objoid >= 16384
UNION ALL
SELECT d.classoid, d.objoid, d.objsubid, d.description
FROM pg_namespace n JOIN pg_description d ON d.objoid = n.oid AND d.classoid = 'pg_namespace'::regclass
WHERE n.oid < 16384 AND n.nspname = 'public' AND d.description <> 'standard public schema'
