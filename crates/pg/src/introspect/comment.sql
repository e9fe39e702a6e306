-- Comments by catalog, object and column number; the comment that every new database has on public is none
-- of anybody's.
SELECT d.classoid, d.objoid, d.objsubid, d.description
FROM pg_description d
WHERE d.objoid >= 16384
   OR (d.classoid = 'pg_namespace'::regclass AND d.description <> 'standard public schema'
       AND d.objoid = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = 'public'))
