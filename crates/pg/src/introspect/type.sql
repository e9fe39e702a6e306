-- Types of people and extensions, arrays and row types included, because columns refer to them by id.
SELECT t.oid,
       t.typname,
       t.typnamespace,
       t.typtype::text,
       CASE WHEN t.typcategory = 'A' AND t.typlen = -1 THEN t.typelem ELSE 0::oid END,
       t.typrelid,
       t.typbasetype,
       t.typtypmod,
       CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
       t.typnotnull,
       CASE WHEN t.typtype = 'd' THEN t.typdefault END,
       t.typcategory <> 'A' AND t.typrelid = 0
         AND EXISTS (SELECT FROM pg_depend d
                     WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'),
       CASE WHEN t.typtype = 'e' THEN
           ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)
       END
FROM pg_type t
WHERE t.oid >= 16384
