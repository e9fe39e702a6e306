//! `migrate rollback` over functions that it makes anew: what hands gave to them and took from them stays, functions that only
//! hands made stop no way back, open sessions go on, and nobody may more than before.

use crate::migrate_plan::{Server, deployed_one_by_one, folders, project};
use crate::migrate_plan_types::planned;

const FIRST: &str = "20260101000000_init";
const NEXT: &str = "20260102000000_next";

/// All that is to be the same before and after, but for texts.
const FACTS: &str = "SELECT string_agg(concat_ws(' ', oid::regprocedure, pg_get_function_result(oid), prolang, provolatile, proisstrict, prosecdef, proconfig, procost, \
                     proowner::regrole, obj_description(oid, 'pg_proc'), \
                     (SELECT string_agg(refobjid::text, ',') FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'x'), \
                     (SELECT string_agg(acl::text, ',' ORDER BY acl::text) FROM unnest(coalesce(proacl, acldefault('f', proowner))) AS acl)), E'\\n' ORDER BY oid::regprocedure::text) \
                     FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prorettype <> 'trigger'::regtype";

fn with_roles(major: u32) -> Option<Server> {
    let server = Server::start(major)?;
    server.as_superuser(
        "CREATE ROLE back_app; CREATE ROLE back_keeper; CREATE ROLE back_lucky; CREATE ROLE back_reader; \
         GRANT back_keeper TO postgres; GRANT ALL ON SCHEMA public TO PUBLIC",
    );
    Some(server)
}

const STATUS: &str = "CREATE TYPE \"Status\" AS ENUM ('OPEN', 'VOID', 'PAID');\n\
    CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, status \"Status\" NOT NULL DEFAULT 'OPEN');\n\
    CREATE TYPE pair AS (status \"Status\", n integer);\n\
    CREATE FUNCTION ranked(s \"Status\", l \"Status\"[] DEFAULT '{}') RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp COST 7\n\
    AS 'SELECT CASE WHEN s = ''PAID'' THEN 2 ELSE 1 END';\n\
    CREATE FUNCTION every() RETURNS SETOF \"Status\" LANGUAGE sql AS 'SELECT DISTINCT status FROM \"Order\" ORDER BY 1';\n\
    CREATE FUNCTION paired() RETURNS pair LANGUAGE plpgsql AS 'DECLARE p pair; BEGIN p.status := ''PAID''; p.n := 1; RETURN p; END';\n\
    CREATE PROCEDURE settle(o integer, s \"Status\") LANGUAGE plpgsql AS 'BEGIN UPDATE \"Order\" SET status = s WHERE id = o; END';\n\
    CREATE FUNCTION local(o integer) RETURNS text LANGUAGE plpgsql AS 'DECLARE x \"Status\"; BEGIN SELECT status INTO x FROM \"Order\" WHERE id = o; RETURN x::text; END';\n";

/// What no migration does, after the swap.
const HANDS: &str = "REVOKE ALL ON FUNCTION ranked(\"Status\", \"Status\"[]) FROM PUBLIC; GRANT EXECUTE ON FUNCTION ranked(\"Status\", \"Status\"[]) TO back_app WITH GRANT OPTION; \
    ALTER FUNCTION ranked(\"Status\", \"Status\"[]) SET work_mem = '8MB'; COMMENT ON FUNCTION ranked(\"Status\", \"Status\"[]) IS 'it''s by hand, 100 %'; \
    GRANT SELECT ON \"Order\" TO back_keeper; ALTER FUNCTION every() SECURITY DEFINER; GRANT EXECUTE ON FUNCTION every() TO postgres; ALTER FUNCTION every() OWNER TO back_keeper; REVOKE ALL ON FUNCTION every() FROM PUBLIC; \
    REVOKE ALL ON PROCEDURE settle(integer, \"Status\") FROM PUBLIC, postgres; GRANT EXECUTE ON PROCEDURE settle(integer, \"Status\") TO back_app; \
    CREATE FUNCTION beside(s \"Status\") RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT s::text'; REVOKE ALL ON FUNCTION beside(\"Status\") FROM PUBLIC; \
    GRANT EXECUTE ON FUNCTION beside(\"Status\") TO back_app; ALTER FUNCTION beside(\"Status\") OWNER TO back_keeper; \
    CREATE FUNCTION beside(s \"Status\", n integer) RETURNS \"Status\" LANGUAGE plpgsql AS 'BEGIN RETURN s; END'; \
    CREATE PROCEDURE made(s \"Status\") LANGUAGE plpgsql AS 'BEGIN PERFORM s; END'; COMMENT ON PROCEDURE made(\"Status\") IS 'made'; \
    ALTER FUNCTION local(integer) DEPENDS ON EXTENSION plpgsql; ALTER FUNCTION paired() DEPENDS ON EXTENSION plpgsql; \
    ALTER FUNCTION ranked(\"Status\", \"Status\"[]) DEPENDS ON EXTENSION plpgsql; \
    ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON ROUTINES TO back_lucky";

#[test]
fn the_way_back_of_an_enum_keeps_functions_as_hands_left_them() {
    let rename = "ALTER TYPE \"Status\" RENAME VALUE 'VOID' TO 'CANCELLED';\n";
    for major in [17, 15] {
        let Some(server) = with_roles(major) else { continue };
        let project = project(&[(FIRST, STATUS)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"Order\" (status) SELECT 'VOID' FROM generate_series(1, 30)");
        planned(&server, &project, rename);
        deployed_one_by_one(&server, &project, &mut |_| ());
        server.rows(HANDS);
        let hands = server.value(FACTS);
        let session = server.session();
        let value = |sql: &str| {
            let rows = server.runtime.block_on(session.rows(sql));
            rows.unwrap_or_else(|error| panic!("{sql}: {error:?}"))[0][0].clone().unwrap_or_default()
        };
        let works = |status: &str| {
            for (sql, holds) in [
                ("SELECT ranked('PAID') + ranked(status) FROM \"Order\" WHERE id = 1", "3"),
                ("SELECT string_agg(every::text, ' ') FROM every()", status),
                ("SELECT (p).status || ' ' || (p).n FROM paired() AS p", "PAID 1"),
                ("SELECT local(1)", status),
                ("SELECT beside('PAID')", "PAID"),
                ("SELECT beside(status, 1) FROM \"Order\" WHERE id = 1", status),
            ] {
                assert_eq!(value(sql), holds, "{sql}");
            }
        };
        works("CANCELLED");
        let names = folders(&project);
        let undone = server.run(&project, &["migrate", "rollback", "--accept-data-loss"]);
        assert_eq!(undone.code, Some(0), "{}", undone.both());
        assert_eq!(server.value(FACTS), hands, "the way back of the swap");
        // Rows have the value by its old name again, which alone the application of before knows.
        works("VOID");
        // The rest of the ways back, then all of them forth again.
        let steps = (names.len() - 2).to_string();
        let undone = server.run(&project, &["migrate", "rollback", "--steps", &steps, "--accept-data-loss"]);
        assert_eq!(undone.code, Some(0), "{}", undone.both());
        assert_eq!(server.value(FACTS), hands, "all ways back");
        assert_eq!(
            server.value("SELECT array_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum"),
            "{OPEN,VOID,PAID}"
        );
        works("VOID");
        let again = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(again.code, Some(0), "{}", again.both());
        assert_eq!(server.value(FACTS), hands, "forth again");
        works("CANCELLED");
        server.runtime.block_on(session.close());
    }
}

struct Case {
    first: &'static str,
    next: &'static str,
    hand: &'static str,
    /// Expressions and their values when all is undone.
    then: &'static [(&'static str, &'static str)],
}

const CASES: [Case; 4] = [
    // A value more, which no server takes away: the type is made anew beneath the functions.
    Case {
        first: "CREATE TYPE mood AS ENUM ('a', 'b');\nCREATE TABLE t (id INTEGER PRIMARY KEY, mood mood);\n\
                CREATE FUNCTION f(m mood) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT m::text';\n\
                CREATE FUNCTION g(m mood) RETURNS mood LANGUAGE plpgsql AS 'BEGIN RETURN m; END';\n",
        next: "ALTER TYPE mood ADD VALUE 'c';\n",
        hand: "REVOKE ALL ON FUNCTION f(mood) FROM PUBLIC; CREATE FUNCTION h(m mood[]) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT cardinality(m)'; \
               REVOKE ALL ON FUNCTION h(mood[]) FROM PUBLIC; GRANT EXECUTE ON FUNCTION h(mood[]) TO back_app; ALTER FUNCTION g(mood) SET work_mem = '8MB'; \
               INSERT INTO t VALUES (1, 'b')",
        then: &[
            ("has_function_privilege('back_reader', 'f(mood)', 'EXECUTE')", "false"),
            ("has_function_privilege('back_reader', 'h(mood[])', 'EXECUTE')", "false"),
            ("has_function_privilege('back_app', 'h(mood[])', 'EXECUTE')", "true"),
            ("(SELECT proconfig FROM pg_proc WHERE proname = 'g')", "{work_mem=8MB}"),
            ("(SELECT f(mood) || g(mood) || h(ARRAY[mood]) FROM t)", "bb1"),
            ("enum_range(NULL::mood)", "{a,b}"),
        ],
    },
    // One with other arguments takes the place of another, and gives it what it has but for what the migration gave it.
    Case {
        first: "CREATE FUNCTION f(a integer) RETURNS integer LANGUAGE sql SECURITY DEFINER SET search_path = public AS 'SELECT a';\n",
        next: "DROP FUNCTION f(integer);\n\
               CREATE FUNCTION f(a bigint) RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public AS 'SELECT a';\n\
               GRANT EXECUTE ON FUNCTION f(bigint) TO back_reader;\nCOMMENT ON FUNCTION f(bigint) IS 'of the migration';\n",
        hand: "REVOKE ALL ON FUNCTION f(bigint) FROM PUBLIC; GRANT EXECUTE ON FUNCTION f(bigint) TO back_app; \
               ALTER FUNCTION f(bigint) OWNER TO back_keeper; ALTER FUNCTION f(bigint) SET work_mem = '8MB'",
        then: &[
            ("has_function_privilege('back_app', 'f(integer)', 'EXECUTE')", "true"),
            ("has_function_privilege('back_reader', 'f(integer)', 'EXECUTE')", "false"),
            (
                "(SELECT array_agg(acl.grantee::regrole ORDER BY acl.grantee::regrole::text) FROM pg_proc, aclexplode(proacl) AS acl WHERE proname = 'f')",
                "{back_app,back_keeper}",
            ),
            ("(SELECT proowner::regrole FROM pg_proc WHERE proname = 'f')", "back_keeper"),
            ("(SELECT proconfig FROM pg_proc WHERE proname = 'f')", "{search_path=public,work_mem=8MB}"),
            ("obj_description('f(integer)'::regprocedure) IS NULL", "true"),
        ],
    },
    // One that is replaced where it is keeps with whose rights it runs, and settings but for the migration's own.
    Case {
        first: "CREATE FUNCTION f() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET statement_timeout = '5s' AS 'BEGIN RETURN 1; END';\n\
                REVOKE ALL ON FUNCTION f() FROM PUBLIC;\n",
        next: "CREATE OR REPLACE FUNCTION f() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET statement_timeout = '9s' AS 'BEGIN RETURN 2; END';\n",
        hand: "ALTER FUNCTION f() SECURITY INVOKER; ALTER FUNCTION f() SET search_path = public, pg_temp; \
               ALTER FUNCTION f() DEPENDS ON EXTENSION plpgsql",
        then: &[
            ("(SELECT prosecdef FROM pg_proc WHERE proname = 'f')", "false"),
            (
                "(SELECT array_agg(one ORDER BY one) FROM pg_proc, unnest(proconfig) AS one WHERE proname = 'f')",
                "{\"search_path=public, pg_temp\",statement_timeout=5s}",
            ),
            ("has_function_privilege('back_app', 'f()', 'EXECUTE')", "false"),
            (
                "(SELECT count(*) FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = 'f()'::regprocedure AND deptype = 'x')",
                "1",
            ),
            ("f()", "1"),
        ],
    },
    // An aggregate, and a procedure whose result changes.
    Case {
        first: "CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0');\n\
                CREATE FUNCTION g(a integer) RETURNS integer LANGUAGE sql AS 'SELECT a';\n",
        next: "DROP AGGREGATE total(integer);\nCREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '1');\n\
               DROP FUNCTION g(integer);\nCREATE FUNCTION g(a integer) RETURNS text LANGUAGE sql AS 'SELECT a::text';\n",
        hand: "REVOKE ALL ON FUNCTION total(integer) FROM PUBLIC; REVOKE ALL ON FUNCTION g(integer) FROM PUBLIC; GRANT EXECUTE ON FUNCTION total(integer) TO back_app; \
               COMMENT ON AGGREGATE total(integer) IS 'by hand'; ALTER FUNCTION g(integer) SECURITY DEFINER",
        then: &[
            ("has_function_privilege('back_reader', 'total(integer)', 'EXECUTE')", "false"),
            ("has_function_privilege('back_app', 'total(integer)', 'EXECUTE')", "true"),
            ("obj_description('total(integer)'::regprocedure)", "by hand"),
            ("has_function_privilege('back_app', 'g(integer)', 'EXECUTE')", "false"),
            ("(SELECT prosecdef FROM pg_proc WHERE proname = 'g')", "true"),
            ("(SELECT total(n) FROM generate_series(1, 2) AS n)", "3"),
        ],
    },
];

#[test]
fn functions_made_anew_on_the_way_back_are_open_to_nobody_else() {
    for major in [17, 15] {
        let Some(server) = with_roles(major) else { continue };
        for (number, Case { first, next, hand, then }) in CASES.into_iter().enumerate() {
            server.as_superuser(
                "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO public",
            );
            let project = project(&[(FIRST, first), (NEXT, next)]);
            let adopted = server.run(&project, &["migrate", "adopt"]);
            let down = project.read(&format!("prisma/migrations/{NEXT}/down.sql"));
            assert!(adopted.stdout.contains("2 proven"), "case {number}: {}\n{down}", adopted.both());
            let deployed = server.run(&project, &["migrate", "deploy"]);
            assert_eq!(deployed.code, Some(0), "case {number}: {}", deployed.both());
            server.rows(hand);
            let undone = server.run(&project, &["migrate", "rollback", "--accept-data-loss"]);
            assert_eq!(undone.code, Some(0), "case {number}: {}\n{down}", undone.both());
            for (what, value) in then {
                let found = server.value(&format!("SELECT ({what})::text"));
                assert_eq!(found, *value, "case {number}: {what}\n{down}");
            }
        }
    }
}

/// What FROM CURRENT said when it was made stays the business of the URL on the way back; a path that its author wrote stays.
#[test]
fn the_path_of_a_function_is_the_one_of_the_connection_again() {
    let init = "CREATE TYPE \"Kind\" AS ENUM ('A', 'B');\n\
                CREATE TABLE part (id SERIAL PRIMARY KEY, name TEXT NOT NULL, code TEXT NOT NULL, kind \"Kind\");\n\
                CREATE FUNCTION sort() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS 'BEGIN NEW.kind := NEW.name::\"Kind\"; RETURN NEW; END';\n\
                CREATE TRIGGER sort BEFORE INSERT ON part FOR EACH ROW EXECUTE FUNCTION sort();\n\
                CREATE FUNCTION stays() RETURNS integer LANGUAGE sql SET search_path = \"$user\", public AS 'SELECT 1';\n\
                CREATE FUNCTION later(x TEXT) RETURNS \"Kind\" LANGUAGE plpgsql AS 'BEGIN RETURN x::\"Kind\"; END';\n\
                ALTER FUNCTION later(TEXT) SET search_path FROM CURRENT;\n";
    let next = "ALTER TABLE part DROP COLUMN code;\nDROP TRIGGER sort ON part;\nDROP FUNCTION sort();\nDROP FUNCTION stays();\nALTER FUNCTION later(TEXT) RESET search_path;\n";
    let paths = "SELECT string_agg(proname || ' ' || proconfig::text, ', ' ORDER BY proname) FROM pg_proc WHERE proname IN ('sort', 'stays', 'later')";
    for (major, schema) in [(17, "shop"), (15, "public")] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, init)]);
        let url = format!("{}&schema={schema}", server.url());
        let run = |arguments: &[&str]| {
            let run = project.run_with(arguments, &[("DATABASE_URL", &url)]);
            assert_eq!(run.code, Some(0), "{}", run.both());
        };
        server.rows(&format!("CREATE SCHEMA IF NOT EXISTS {schema}"));
        run(&["migrate", "deploy"]);
        let before = server.value(paths);
        assert!(before.contains(&format!("sort {{search_path={schema}}}")), "{before}");
        project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), next);
        run(&["migrate", "adopt"]);
        run(&["migrate", "deploy"]);
        assert_eq!(server.value(paths), "", "{schema}");
        run(&["migrate", "rollback", "--accept-data-loss"]);
        assert_eq!(server.value(paths), before);
        // A DO statement looks whether it can be.
        let nullable =
            server.try_rows(&format!("INSERT INTO {schema}.part (name) VALUES ('B')")).unwrap_err();
        assert!(nullable.contains("\"code\""), "{nullable}");
        server
            .rows(&format!("SET search_path = ''; INSERT INTO {schema}.part (name, code) VALUES ('B', 'b')"));
        assert_eq!(server.value(&format!("SELECT {schema}.later(kind::text) FROM {schema}.part")), "B");
    }
}
