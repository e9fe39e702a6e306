-- Types of people and extensions, arrays and row types included, because columns refer to them by id. Of some
-- tables ($2) only those that their columns have, and the elements of these.
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
       END,
       CASE WHEN t.typtype = 'r' THEN
           (SELECT concat_ws(', ', 'subtype = ' || format_type(r.rngsubtype, NULL),
                             'subtype_opclass = ' || quote_ident(opn.nspname) || '.' || quote_ident(op.opcname),
                             'collation = ' || quote_ident(con.nspname) || '.' || quote_ident(co.collname),
                             'canonical = ' || nullif(r.rngcanonical::oid, 0)::regproc,
                             'subtype_diff = ' || nullif(r.rngsubdiff::oid, 0)::regproc,
                             'multirange_type_name = ' || format_type(r.rngmultitypid, NULL), -- since 14
                             NULL)
            FROM pg_range r
                 JOIN pg_opclass op ON op.oid = r.rngsubopc
                 JOIN pg_namespace opn ON opn.oid = op.opcnamespace
                 LEFT JOIN pg_collation co ON co.oid = r.rngcollation
                 LEFT JOIN pg_namespace con ON con.oid = co.collnamespace
            WHERE r.rngtypid = t.oid)
       END
FROM pg_type t
WHERE t.oid >= 16384
  AND t.oid = ANY (ARRAY(SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = ANY ($2::oid[]) -- of tables
                         UNION -- of tables
                         SELECT e.typelem FROM pg_attribute a JOIN pg_type e ON e.oid = a.atttypid -- of tables
                         WHERE a.attrelid = ANY ($2::oid[]))) -- of tables
