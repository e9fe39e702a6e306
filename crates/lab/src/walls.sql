-- Runs once per prepared data directory, as superuser in template1, so that every lab database has it.
-- Single-user mode ends a statement at a semicolon followed by an empty line.
--
-- Namespaces that begin with "pg_" cannot be made or renamed by anybody else, and introspection passes over
-- them as it does over PostgreSQL's own.

CREATE ROLE postgres LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS;

CREATE SCHEMA pg_lab;

REVOKE ALL ON SCHEMA pg_lab FROM PUBLIC;

GRANT USAGE ON SCHEMA pg_lab TO postgres;

-- Sessions of the lab's other databases belong to the same role and could be ended by it.
REVOKE EXECUTE ON FUNCTION pg_catalog.pg_cancel_backend(integer) FROM PUBLIC;

DO $$ BEGIN
  EXECUTE pg_catalog.format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f.oid::pg_catalog.regprocedure)
    FROM pg_catalog.pg_proc f WHERE f.proname = 'pg_terminate_backend';
END $$;

CREATE TABLE pg_lab.allowed_extension (name text PRIMARY KEY);

CREATE FUNCTION pg_lab.create_extension(extension text, namespace text, if_not_exists boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_lab.allowed_extension a WHERE a.name = extension) THEN
    RAISE insufficient_privilege USING MESSAGE = format('extension "%s" is not on the lab''s allowlist', extension);
  END IF;
  EXECUTE format('CREATE EXTENSION %s %I SCHEMA %I CASCADE',
    CASE WHEN if_not_exists THEN 'IF NOT EXISTS' ELSE '' END, extension, coalesce(namespace, 'public'));
END $$;

-- Makes a role that can do nothing by itself. A role that is there stays as it is and nothing is granted.
CREATE FUNCTION pg_lab.create_role(role text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role) THEN
    EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS', role);
    EXECUTE format('GRANT %I TO postgres', role);
  END IF;
END $$;

-- Stands in for a type of an extension that is not there: keeps any text, accepts modifiers, has no operators.
-- The kind says how modifiers are read: one number (vector(3)) or anything (geometry(Point,4326)).
CREATE FUNCTION pg_lab.stand_in_type(type text, namespace text, kind text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF to_regtype(format('%I.%I', namespace, type)) IS NOT NULL THEN
    RETURN;
  END IF;
  IF kind = 'text' THEN
    EXECUTE format('CREATE DOMAIN %I.%I AS text', namespace, type);
    EXECUTE format('ALTER DOMAIN %I.%I OWNER TO postgres', namespace, type);
    RETURN;
  END IF;
  EXECUTE format('CREATE TYPE %I.%I', namespace, type);
  EXECUTE format('CREATE FUNCTION pg_lab.%I(cstring, oid, integer) RETURNS %I.%I IMMUTABLE STRICT LANGUAGE internal AS %L',
    namespace || '.' || type || '_in', namespace, type, 'textin');
  EXECUTE format('CREATE FUNCTION pg_lab.%I(%I.%I) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS %L',
    namespace || '.' || type || '_out', namespace, type, 'textout');
  EXECUTE format('CREATE FUNCTION pg_lab.%I(cstring[]) RETURNS integer IMMUTABLE STRICT LANGUAGE internal AS %L',
    namespace || '.' || type || '_typmod',
    CASE kind WHEN 'number' THEN 'varbittypmodin' ELSE 'array_cardinality' END);
  EXECUTE format('CREATE TYPE %I.%I (INPUT = pg_lab.%I, OUTPUT = pg_lab.%I, TYPMOD_IN = pg_lab.%I, '
    'INTERNALLENGTH = VARIABLE, STORAGE = extended)',
    namespace, type, namespace || '.' || type || '_in', namespace || '.' || type || '_out',
    namespace || '.' || type || '_typmod');
  EXECUTE format('ALTER TYPE %I.%I OWNER TO postgres', namespace, type);
END $$;

-- Trusted extensions may be made by the owner of a database; those that bring a programming language or reach
-- out of the server may not, trusted or not.
CREATE FUNCTION pg_lab.on_extension() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE refused text;
BEGIN
  SELECT c.object_identity INTO refused FROM pg_event_trigger_ddl_commands() c
    WHERE (c.object_type = 'extension' AND NOT c.in_extension
           AND NOT EXISTS (SELECT FROM pg_lab.allowed_extension a WHERE quote_ident(a.name) = c.object_identity))
       OR (c.object_type = 'language' AND NOT c.in_extension) LIMIT 1;
  IF FOUND THEN
    RAISE insufficient_privilege USING MESSAGE = format('extension %s is not on the lab''s allowlist', refused);
  END IF;
END $$;

CREATE EVENT TRIGGER pg_lab_extension ON ddl_command_end
  WHEN TAG IN ('CREATE EXTENSION', 'CREATE LANGUAGE') EXECUTE FUNCTION pg_lab.on_extension();

ALTER EVENT TRIGGER pg_lab_extension ENABLE ALWAYS;

CREATE UNLOGGED TABLE pg_lab.trace (
  id bigserial, sent timestamptz NOT NULL, event text NOT NULL, tag text NOT NULL, objects text[],
  locks text[]);

-- statement_timestamp() is when the message arrived: all commands of one file share it, and SQL cannot set it.
CREATE FUNCTION pg_lab.on_command() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE made text[]; inside boolean;
BEGIN
  SELECT array_agg(c.object_identity) FILTER (WHERE NOT c.in_extension), bool_and(c.in_extension)
    INTO made, inside FROM pg_event_trigger_ddl_commands() c;
  IF inside THEN
    RETURN;
  END IF;
  INSERT INTO pg_lab.trace (sent, event, tag, objects, locks)
    SELECT statement_timestamp(), 'command', tg_tag, made,
      (SELECT array_agg(l.mode || ' ' || n.nspname || '.' || c.relname)
         FROM pg_lock_status() l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.granted AND l.relation >= 16384
          AND c.relkind IN ('r', 'p', 'm', 'v', 'f') AND n.nspname <> 'pg_lab');
END $$;

CREATE FUNCTION pg_lab.on_drop() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO pg_lab.trace (sent, event, tag, objects)
    SELECT statement_timestamp(), 'drop', tg_tag, array_agg(d.object_identity)
      FROM pg_event_trigger_dropped_objects() d WHERE d.original HAVING count(*) > 0;
END $$;

CREATE FUNCTION pg_lab.on_rewrite() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO pg_lab.trace (sent, event, tag, objects)
    SELECT statement_timestamp(), 'rewrite', tg_tag, ARRAY[n.nspname || '.' || c.relname]
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid = pg_event_trigger_table_rewrite_oid();
END $$;

CREATE EVENT TRIGGER pg_lab_command ON ddl_command_end EXECUTE FUNCTION pg_lab.on_command();

CREATE EVENT TRIGGER pg_lab_drop ON sql_drop EXECUTE FUNCTION pg_lab.on_drop();

CREATE EVENT TRIGGER pg_lab_rewrite ON table_rewrite EXECUTE FUNCTION pg_lab.on_rewrite();

ALTER EVENT TRIGGER pg_lab_command DISABLE;

ALTER EVENT TRIGGER pg_lab_drop DISABLE;

ALTER EVENT TRIGGER pg_lab_rewrite DISABLE;

REVOKE ALL ON ALL TABLES IN SCHEMA pg_lab FROM PUBLIC;

