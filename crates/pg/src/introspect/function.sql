-- Functions, procedures and aggregates of people; the constructors of range types depend on their type
-- internally and are left out like the functions of extensions. The body of an aggregate is made of what it consists of.
SELECT p.oid,
       p.proname,
       p.pronamespace,
       pg_get_function_identity_arguments(p.oid),
       p.prokind::text,
       pg_get_function_result(p.oid),
       l.lanname,
       CASE WHEN p.prokind = 'a' THEN
                (SELECT concat_ws(', ', 'SFUNC = ' || a.aggtransfn::regproc,
                                  'STYPE = ' || format_type(a.aggtranstype, NULL),
                                  'FINALFUNC = ' || nullif(a.aggfinalfn::oid, 0)::regproc,
                                  'INITCOND = ' || quote_literal(a.agginitval))
                 FROM pg_aggregate a WHERE a.aggfnoid = p.oid)
            WHEN p.prosqlbody IS NOT NULL THEN pg_get_function_sqlbody(p.oid)   -- since 14
            ELSE p.prosrc END,
       CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END,
       p.prosecdef,
       p.proleakproof,
       p.provolatile::text,
       p.proconfig,
       pg_get_userbyid(p.proowner),
       p.proacl::text[]
FROM pg_proc p
     JOIN pg_language l ON l.oid = p.prolang
WHERE p.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype IN ('e', 'i'))
