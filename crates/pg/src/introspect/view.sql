-- Relations that the definitions of views read.
SELECT DISTINCT r.ev_class, d.refobjid
FROM pg_rewrite r
     JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
WHERE r.ev_class >= 16384
  AND r.rulename = '_RETURN'
  AND d.refclassid = 'pg_class'::regclass
  AND d.refobjid <> r.ev_class
