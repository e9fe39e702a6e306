-- Extended statistics with the table or materialized view that they are about. Those of an extension's are its own.
SELECT s.oid,
       s.stxname,
       s.stxnamespace,
       s.stxrelid,
       pg_get_statisticsobjdef(s.oid),
       nullif(s.stxstattarget, -1)::int4 -- since 13
       NULL::int4 -- before 13
FROM pg_statistic_ext s
WHERE s.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_statistic_ext'::regclass AND d.objid = s.oid AND d.deptype = 'e')
