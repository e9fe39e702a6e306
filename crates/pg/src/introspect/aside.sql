-- What the catalog type does not hold and somebody set: what it is, its value, the statement that makes it so and
-- the one that takes it back. Sources: pg_attribute, pg_attrdef, pg_class, pg_description, pg_index, pg_trigger, pg_rewrite.
WITH rel AS MATERIALIZED (
    SELECT c.*, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid >= 16384 AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
), att AS MATERIALIZED (
    SELECT a.*, r.name AS relation, pg_catalog.format('%s.%I', r.name, a.attname) AS name,
           pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I ', r.name, a.attname) AS change, t.typstorage
    FROM pg_catalog.pg_attribute a JOIN rel r ON r.oid = a.attrelid
         JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relkind IN ('r', 'p', 'm', 'f')
), views AS MATERIALIZED (
    SELECT r.oid, r.relkind, r.name
    FROM rel r
    WHERE r.relkind IN ('v', 'm')
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                      WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = r.oid AND d.deptype = 'e')
), vat AS MATERIALIZED (
    SELECT a.attrelid, a.attnum, a.attname, a.attacl, r.name AS relation, pg_catalog.format('%s.%I', r.name, a.attname) AS name,
           pg_catalog.format('ALTER VIEW %s ALTER COLUMN %I ', r.name, a.attname) AS change
    FROM pg_catalog.pg_attribute a JOIN views r ON r.oid = a.attrelid
    WHERE a.attnum > 0
), words (letter, word) AS (VALUES ('p', 'PLAIN'), ('m', 'MAIN'), ('e', 'EXTERNAL'), ('x', 'EXTENDED'))
SELECT 'storage of ' || a.name, w.word, a.change || 'SET STORAGE ' || w.word, a.change || 'SET STORAGE ' || d.word
FROM att a JOIN words w ON w.letter = a.attstorage::text JOIN words d ON d.letter = a.typstorage::text
WHERE a.attstorage <> a.typstorage
UNION ALL
SELECT 'statistics target of ' || a.name, a.attstattarget::text, a.change || 'SET STATISTICS ' || a.attstattarget,
       a.change || 'SET STATISTICS -1'
FROM att a WHERE coalesce(a.attstattarget, -1) >= 0
UNION ALL
SELECT 'options of ' || a.name, a.attoptions::text,
       a.change || 'SET (' || pg_catalog.array_to_string(a.attoptions, ', ') || ')',
       a.change || 'RESET (' || (SELECT pg_catalog.string_agg(split_part(o, '=', 1), ', ') FROM unnest(a.attoptions) o) || ')'
FROM att a WHERE a.attoptions IS NOT NULL
UNION ALL
SELECT 'compression of ' || a.name, j.method, a.change || 'SET COMPRESSION ' || j.method, -- since 14
       a.change || 'SET COMPRESSION default' -- since 14
FROM att a, LATERAL (SELECT CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END) j (method) -- since 14
WHERE j.method IS NOT NULL -- since 14
UNION ALL -- since 14
SELECT 'replica identity of ' || r.name,
       CASE r.relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' ELSE 'INDEX' END || coalesce(' ' || x.relname, ''),
       pg_catalog.format('ALTER TABLE %s REPLICA IDENTITY ', r.name)
         || CASE r.relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING'
                                ELSE pg_catalog.format('USING INDEX %I', x.relname) END,
       pg_catalog.format('ALTER TABLE %s REPLICA IDENTITY DEFAULT', r.name)
FROM rel r LEFT JOIN pg_catalog.pg_index i ON i.indrelid = r.oid AND i.indisreplident
           LEFT JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
WHERE r.relkind IN ('r', 'p') AND r.relreplident <> 'd'
UNION ALL
SELECT 'clustering of ' || r.name, x.relname, pg_catalog.format('ALTER TABLE %s CLUSTER ON %I', r.name, x.relname),
       pg_catalog.format('ALTER TABLE %s SET WITHOUT CLUSTER', r.name)
FROM rel r JOIN pg_catalog.pg_index i ON i.indrelid = r.oid AND i.indisclustered
           JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
UNION ALL
SELECT 'access method of ' || r.name, m.amname, '', ''
FROM rel r JOIN pg_catalog.pg_am m ON m.oid = r.relam
WHERE r.relkind IN ('r', 'm') AND m.amname <> 'heap'
UNION ALL
SELECT 'tablespace of ' || r.name, s.spcname,
       CASE WHEN r.relkind = 'r' THEN pg_catalog.format('ALTER TABLE %s SET TABLESPACE %I', r.name, s.spcname) ELSE '' END,
       CASE WHEN r.relkind = 'r' THEN pg_catalog.format('ALTER TABLE %s SET TABLESPACE pg_default', r.name) ELSE '' END
FROM rel r JOIN pg_catalog.pg_tablespace s ON s.oid = r.reltablespace
UNION ALL
SELECT pg_catalog.format('firing of trigger %I on %s', g.tgname, r.name), g.tgenabled::text,
       pg_catalog.format('ALTER TABLE %s ENABLE %s TRIGGER %I', r.name,
                         CASE g.tgenabled WHEN 'R' THEN 'REPLICA' ELSE 'ALWAYS' END, g.tgname),
       pg_catalog.format('ALTER TABLE %s ENABLE TRIGGER %I', r.name, g.tgname)
FROM pg_catalog.pg_trigger g JOIN rel r ON r.oid = g.tgrelid
WHERE g.tgenabled IN ('R', 'A')
UNION ALL
SELECT pg_catalog.format('rule %I on %s', w.rulename, r.name), pg_catalog.pg_get_ruledef(w.oid),
       pg_catalog.rtrim(pg_catalog.pg_get_ruledef(w.oid), ';'), pg_catalog.format('DROP RULE %I ON %s', w.rulename, r.name)
FROM pg_catalog.pg_rewrite w JOIN rel r ON r.oid = w.ev_class
WHERE w.rulename <> '_RETURN'
UNION ALL
SELECT pg_catalog.format('trigger %I on %s', g.tgname, r.name), pg_catalog.pg_get_triggerdef(g.oid),
       pg_catalog.pg_get_triggerdef(g.oid), pg_catalog.format('DROP TRIGGER %I ON %s', g.tgname, r.name)
FROM pg_catalog.pg_trigger g JOIN views r ON r.oid = g.tgrelid
WHERE NOT g.tgisinternal
UNION ALL
SELECT 'comment on ' || v.name, d.description, pg_catalog.format('COMMENT ON COLUMN %s IS %L', v.name, d.description),
       pg_catalog.format('COMMENT ON COLUMN %s IS NULL', v.name)
FROM vat v JOIN pg_catalog.pg_description d ON d.objoid = v.attrelid AND d.objsubid = v.attnum
WHERE d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
UNION ALL
SELECT 'default on ' || v.name, pg_catalog.pg_get_expr(d.adbin, d.adrelid),
       v.change || 'SET DEFAULT ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid), v.change || 'DROP DEFAULT'
FROM vat v JOIN pg_catalog.pg_attrdef d ON d.adrelid = v.attrelid AND d.adnum = v.attnum
UNION ALL
SELECT pg_catalog.format('privilege %s of %s on %s', p.privilege_type, p.role, v.name), p.is_grantable::text,
       pg_catalog.format('GRANT %s (%I) ON %s TO %s', p.privilege_type, v.attname, v.relation, p.role)
         || CASE WHEN p.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END,
       pg_catalog.format('REVOKE %s (%I) ON %s FROM %s', p.privilege_type, v.attname, v.relation, p.role)
FROM vat v, LATERAL (SELECT privilege_type, is_grantable,
                            CASE grantee WHEN 0 THEN 'PUBLIC'
                                 ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(grantee)) END
                     FROM pg_catalog.aclexplode(v.attacl)) p (privilege_type, is_grantable, role)
UNION ALL
SELECT k.word || ' ' || k.name, k.value, '', ''
FROM (SELECT 'operator', oid::pg_catalog.regoperator::text, oprcode::text, oid FROM pg_catalog.pg_operator WHERE oid >= 16384
      UNION ALL SELECT 'cast', format_type(castsource, NULL) || ' to ' || format_type(casttarget, NULL),
             pg_catalog.concat_ws(' ', castcontext, castmethod, castfunc::pg_catalog.regprocedure), oid
      FROM pg_catalog.pg_cast WHERE oid >= 16384
      UNION ALL SELECT 'collation', collname::text, oid::text, oid FROM pg_catalog.pg_collation WHERE oid >= 16384
      UNION ALL SELECT 'operator class', opcname::text, oid::text, oid FROM pg_catalog.pg_opclass WHERE oid >= 16384
      UNION ALL SELECT 'text search configuration', cfgname::text, oid::text, oid FROM pg_catalog.pg_ts_config WHERE oid >= 16384
      UNION ALL SELECT 'publication', pubname::text, oid::text, oid FROM pg_catalog.pg_publication
      UNION ALL SELECT 'event trigger', evtname::text, oid::text, oid FROM pg_catalog.pg_event_trigger
      UNION ALL SELECT 'foreign server', srvname::text, oid::text, oid FROM pg_catalog.pg_foreign_server
     ) k (word, name, value, oid)
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = k.oid AND d.deptype IN ('e', 'i') AND d.objid >= 16384)
