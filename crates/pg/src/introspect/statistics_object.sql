-- Extended statistics with the table or materialized view that they are about. Those of an extension's are its own. The server
-- names their columns in the order of the table, and a column that was dropped and added anew comes last there: by name
-- they are the same.
SELECT s.oid,
       s.stxname,
       s.stxnamespace,
       s.stxrelid,
       left(d.words, d.head) || coalesce(c.by_name, '') || substr(d.words, d.head + 1 + coalesce(length(c.by_place), 0)),
       nullif(s.stxstattarget, -1)::int4 -- since 13
       NULL::int4 -- before 13
FROM pg_statistic_ext s
JOIN pg_namespace n ON n.oid = s.stxnamespace
CROSS JOIN LATERAL (SELECT pg_get_statisticsobjdef(s.oid), length(format('CREATE STATISTICS %I.%I', n.nspname, s.stxname)))
    AS w (words, name)
CROSS JOIN LATERAL (SELECT w.words, w.name + strpos(substr(w.words, w.name + 1), ' ON ') + 3) AS d (words, head)
CROSS JOIN LATERAL (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname),
                           string_agg(quote_ident(a.attname), ', ' ORDER BY k.place)
                    FROM unnest(s.stxkeys) WITH ORDINALITY k (attnum, place)
                    JOIN pg_attribute a ON a.attrelid = s.stxrelid AND a.attnum = k.attnum) AS c (by_name, by_place)
WHERE s.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_statistic_ext'::regclass AND d.objid = s.oid AND d.deptype = 'e')
