//! `migrate plan --safe` for what else than columns an enum is in: arrays, functions, domains and composite types.

use crate::migrate_plan::{Server, deployed_one_by_one, folders, project};
use crate::migrate_plan_types::planned;

const FIRST: &str = "20260101000000_init";

#[test]
fn arrays_of_a_renamed_enum_have_both_names_for_a_while() {
    let init = "CREATE TYPE \"Status\" AS ENUM ('OPEN', 'PAID', 'VOID');\n\
                CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, status \"Status\" NOT NULL DEFAULT 'OPEN', seen \"Status\"[] NOT NULL DEFAULT '{}');\n\
                CREATE INDEX \"Order_seen_idx\" ON \"Order\" USING gin (seen);\n";
    let rename = "-- AlterEnum\nALTER TYPE \"Status\" RENAME TO \"OrderStatus\";\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"Order\" (seen) SELECT '{VOID}' FROM generate_series(1, 20)");
        planned(&server, &project, rename);
        let last = folders(&project).pop().unwrap();
        assert!(last.ends_with("_drop_type_status"), "{last}");
        deployed_one_by_one(&server, &project, &mut |name| {
            let versions = if *name == last { &["OrderStatus"][..] } else { &["Status", "OrderStatus"] };
            for ty in versions {
                compared(&server, ty);
            }
        });
        let old = server.try_rows("SELECT CAST('{OPEN}'::text[] AS \"Status\"[])");
        assert!(old.unwrap_err().contains("does not exist"));
        let left = "SELECT (SELECT count(*) FROM pg_operator WHERE oprnamespace = 'public'::regnamespace) \
                    + (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace)";
        assert_eq!(server.value(left), "0");
        let types = "SELECT string_agg(typname, ' ' ORDER BY typname) FROM pg_type WHERE typname ~ 'Status'";
        assert_eq!(server.value(types), "OrderStatus _OrderStatus");
    }
}

/// One version writes, changes and asks for arrays, naming the type as it knows it.
fn compared(server: &Server, ty: &str) {
    let list = |values: &str| format!("CAST('{{{values}}}'::text[] AS \"public\".\"{ty}\"[])");
    let one = |value: &str| format!("CAST('{value}'::text AS \"public\".\"{ty}\")");
    let id = server.value(&format!("INSERT INTO \"Order\" (seen) VALUES ({}) RETURNING id", list("OPEN")));
    for change in [format!("seen || {}", list("PAID")), format!("array_append(seen, {})", one("OPEN"))] {
        server.rows(&format!("UPDATE \"Order\" SET seen = {change} WHERE id = {id}"));
    }
    for (condition, holds) in [
        (format!("seen = {}", list("OPEN,PAID,OPEN")), "1"),
        (format!("seen <> {}", list("OPEN,PAID,OPEN")), "0"),
        (format!("seen @> {}", list("PAID")), "1"),
        (format!("seen @> {}", list("PAID,VOID")), "0"),
        (format!("seen && {}", list("PAID,VOID")), "1"),
        (format!("{} <@ seen", list("PAID,OPEN")), "1"),
        (format!("{} = ANY (seen)", one("PAID")), "1"),
        (format!("{} = ANY (seen)", one("VOID")), "0"),
        (format!("status = ANY ({})", list("OPEN,VOID")), "1"),
        (format!("{} = ANY ({})", one("VOID"), list("OPEN,VOID")), "1"),
        (
            "seen = '{OPEN,PAID,OPEN}' AND 'PAID' = ANY (seen) AND status = 'OPEN' AND seen <> '{}'"
                .to_owned(),
            "1",
        ),
    ] {
        let sql = format!("SELECT count(*) FROM \"Order\" WHERE id = {id} AND {condition}");
        assert_eq!(server.value(&sql), holds, "{sql}");
    }
    let plan = server.rows(&format!(
        "SET enable_seqscan = off; EXPLAIN SELECT id FROM \"Order\" WHERE seen @> {}",
        list("VOID")
    ));
    assert!(format!("{plan:?}").contains("Order_seen_idx"), "{ty}: {plan:?}");
}

/// Functions that take, return or only name the enum, and a composite type, around a value with a new name. Who is connected
/// all the time calls them at every stage.
#[test]
fn functions_and_composite_types_follow_an_enum() {
    let init = "CREATE TYPE \"Status\" AS ENUM ('OPEN', 'VOID', 'PAID');\n\
                CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, status \"Status\" NOT NULL DEFAULT 'VOID');\n\
                CREATE TYPE pair AS (status \"Status\", seen \"Status\"[], n integer);\n\
                CREATE FUNCTION ranked(s \"Status\", l \"Status\"[] DEFAULT '{}') RETURNS integer LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = public COST 7\n\
                AS 'SELECT CASE WHEN s = ''PAID'' THEN 2 ELSE 1 END';\n\
                COMMENT ON FUNCTION ranked(\"Status\", \"Status\"[]) IS 'it''s ranked';\n\
                CREATE FUNCTION every() RETURNS SETOF \"Status\" LANGUAGE sql AS 'SELECT DISTINCT status FROM \"Order\" ORDER BY 1';\n\
                CREATE FUNCTION paired() RETURNS pair LANGUAGE plpgsql AS 'DECLARE p pair; BEGIN p.status := ''PAID''; p.n := 1; RETURN p; END';\n\
                CREATE PROCEDURE settle(o integer, s \"Status\") LANGUAGE sql AS 'UPDATE \"Order\" SET status = s WHERE id = o';\n\
                CREATE FUNCTION local(o integer) RETURNS text LANGUAGE plpgsql AS 'DECLARE x \"Status\"; BEGIN SELECT status INTO x FROM \"Order\" WHERE id = o; RETURN x::text; END';\n\
                CREATE TABLE \"Seen\" (id serial PRIMARY KEY, status \"Status\");\n\
                CREATE FUNCTION paid() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.status := ''PAID''; RETURN NEW; END';\n\
                CREATE TRIGGER paid BEFORE INSERT ON \"Seen\" FOR EACH ROW EXECUTE FUNCTION paid();\n";
    let rename = "ALTER TYPE \"Status\" RENAME VALUE 'VOID' TO 'CANCELLED';\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        server.as_superuser(
            "CREATE ROLE enum_app; CREATE ROLE enum_keeper; CREATE ROLE enum_lucky; \
             GRANT enum_keeper TO postgres; GRANT CREATE ON SCHEMA public TO enum_keeper",
        );
        let project = project(&[(FIRST, init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"Order\" (status) SELECT 'PAID' FROM generate_series(1, 30)");
        // What no migration did.
        server.rows("REVOKE ALL ON FUNCTION ranked(\"Status\", \"Status\"[]) FROM PUBLIC; GRANT EXECUTE ON FUNCTION ranked(\"Status\", \"Status\"[]) TO enum_app WITH GRANT OPTION; \
                     ALTER FUNCTION every() OWNER TO enum_keeper; CREATE FUNCTION beside(\"Status\") RETURNS text LANGUAGE sql AS 'SELECT $1::text'");
        let facts = "SELECT string_agg(concat_ws(' ', oid::regprocedure, pg_get_function_result(oid), prolang, provolatile, proisstrict, prosecdef, proconfig, procost, \
                     proowner::regrole, obj_description(oid, 'pg_proc'), md5(prosrc), \
                     (SELECT string_agg(acl::text, ',' ORDER BY acl::text) FROM unnest(coalesce(proacl, acldefault('f', proowner))) AS acl)), E'\\n' ORDER BY oid::regprocedure::text) \
                     FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prorettype <> 'trigger'::regtype";
        let before = server.value(facts);
        server.rows("ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON ROUTINES TO enum_lucky");
        planned(&server, &project, rename);
        let last = folders(&project).pop().unwrap();
        let session = server.session();
        let value = |sql: &str| {
            let rows = server.runtime.block_on(session.rows(sql));
            rows.unwrap_or_else(|error| panic!("{sql}: {error:?}"))[0][0].clone().unwrap_or_default()
        };
        deployed_one_by_one(&server, &project, &mut |name| {
            let status = if *name == last { "CANCELLED" } else { "VOID" };
            let id = server.value("INSERT INTO \"Order\" DEFAULT VALUES RETURNING id");
            for (sql, holds) in [
                (format!("SELECT ranked('PAID') + ranked(status) FROM \"Order\" WHERE id = {id}"), "3"),
                ("SELECT string_agg(every::text, ' ') FROM every()".to_owned(), &*format!("{status} PAID")),
                ("SELECT (p).status || ' ' || (p).n FROM paired() AS p".to_owned(), "PAID 1"),
                (format!("SELECT local({id})"), status),
                ("SELECT beside('PAID')".to_owned(), "PAID"),
                ("INSERT INTO \"Seen\" DEFAULT VALUES RETURNING status".to_owned(), "PAID"),
            ] {
                assert_eq!(value(&sql), holds, "{name}: {sql}");
            }
            server.in_session(&session, &format!("CALL settle({id}, 'PAID')"));
            assert_eq!(value(&format!("SELECT local({id})")), "PAID", "{name}");
        });
        server.runtime.block_on(session.close());
        assert_eq!(server.value(facts), before);
        let attributes = "SELECT string_agg(format_type(atttypid, -1), ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'pair'::regclass";
        assert_eq!(server.value(attributes), "\"Status\" \"Status\"[] integer");
    }
}

/// No migration has a function, so that only the database knows of those that are there.
#[test]
fn functions_made_by_hand_follow_an_enum() {
    let init = "CREATE TYPE \"Status\" AS ENUM ('OPEN', 'VOID');\n\
                CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, status \"Status\" NOT NULL DEFAULT 'VOID');\n\
                CREATE VIEW states AS SELECT id, status FROM \"Order\";\n";
    let rename = "ALTER TYPE \"Status\" RENAME VALUE 'VOID' TO 'CANCELLED';\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows(
            "CREATE FUNCTION beside(\"Status\") RETURNS text LANGUAGE sql AS 'SELECT $1::text'; \
             CREATE FUNCTION of_state(s \"Status\") RETURNS SETOF states LANGUAGE sql AS 'SELECT * FROM states WHERE status = s'; \
             CREATE FUNCTION local(o integer) RETURNS text LANGUAGE plpgsql AS \
             'DECLARE x \"Status\"; BEGIN SELECT status INTO x FROM \"Order\" WHERE id = o; RETURN x::text; END'",
        );
        planned(&server, &project, rename);
        let last = folders(&project).pop().unwrap();
        let session = server.session();
        deployed_one_by_one(&server, &project, &mut |name| {
            let status = if *name == last { "CANCELLED" } else { "VOID" };
            let id = server.value("INSERT INTO \"Order\" DEFAULT VALUES RETURNING id");
            for (sql, holds) in [
                ("SELECT beside('OPEN')".to_owned(), "OPEN"),
                (format!("SELECT status FROM of_state('{status}') WHERE id = {id}"), status),
                (format!("SELECT local({id})"), status),
            ] {
                let rows = server.runtime.block_on(session.rows(&sql));
                let rows = rows.unwrap_or_else(|error| panic!("{name}: {sql}: {error:?}"));
                assert_eq!(rows[0][0].as_deref(), Some(holds), "{name}: {sql}");
            }
        });
        server.runtime.block_on(session.close());
    }
}

#[test]
fn an_enum_of_another_namespace_is_renamed_as_it_is_written() {
    let Some(server) = Server::start(17) else { return };
    let init = "CREATE SCHEMA app;\nCREATE TYPE app.\"Status\" AS ENUM ('OPEN');\n\
                CREATE TABLE app.\"Order\" (id SERIAL PRIMARY KEY, seen app.\"Status\"[]);\n";
    let next = "20260102000000_next";
    let rename = "ALTER TYPE app.\"Status\" RENAME TO \"OrderStatus\";\n";
    let project = project(&[(FIRST, init), (next, rename)]);
    let run = server.run(&project, &["migrate", "plan", "--safe", next]);
    assert!(run.stdout.contains("is renamed as it is written: operators over two types"), "{}", run.both());
}

/// The migration says nothing of the type that it makes anew; what hands said of one that had no comment stays.
#[test]
fn an_enum_with_a_comment_loses_a_value() {
    let init = "CREATE TYPE \"Role\" AS ENUM ('ADMIN', 'GUEST');\nCREATE TABLE \"User\" (id SERIAL PRIMARY KEY, role \"Role\" NOT NULL);\n";
    let anew = "BEGIN;\nCREATE TYPE \"Role_new\" AS ENUM ('ADMIN');\n\
                ALTER TABLE \"User\" ALTER COLUMN \"role\" TYPE \"Role_new\" USING (\"role\"::text::\"Role_new\");\n\
                ALTER TYPE \"Role\" RENAME TO \"Role_old\";\nALTER TYPE \"Role_new\" RENAME TO \"Role\";\n\
                DROP TYPE \"Role_old\";\nCOMMIT;\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        for said in ["COMMENT ON TYPE \"Role\" IS 'who';\n", ""] {
            server.as_superuser(
                "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO PUBLIC",
            );
            let project = project(&[(FIRST, &format!("{init}{said}"))]);
            assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
            planned(&server, &project, anew);
            server.rows("COMMENT ON TYPE \"Role\" IS 'by hand'");
            deployed_one_by_one(&server, &project, &mut |_| {});
            let now = "SELECT concat_ws(' ', enum_range(NULL::\"Role\"), obj_description('\"Role\"'::regtype, 'pg_type'))";
            assert_eq!(server.value(now), if said.is_empty() { "{ADMIN} by hand" } else { "{ADMIN}" });
        }
    }
}

#[test]
fn a_list_as_a_default_has_the_new_name_of_its_value() {
    let init = "CREATE TYPE \"Status\" AS ENUM ('OPEN', 'VOID', 'PAID');\n\
                CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, seen \"Status\"[] NOT NULL DEFAULT '{VOID,PAID}', \
                done \"Status\"[] DEFAULT ARRAY['VOID', 'OPEN']::\"Status\"[], one \"Status\" NOT NULL DEFAULT 'VOID');\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        planned(&server, &project, "ALTER TYPE \"Status\" RENAME VALUE 'VOID' TO 'CANCELLED';\n");
        let last = folders(&project).pop().unwrap();
        deployed_one_by_one(&server, &project, &mut |name| {
            let value = if *name == last { "CANCELLED" } else { "VOID" };
            let row = "INSERT INTO \"Order\" DEFAULT VALUES RETURNING concat_ws(' ', seen, done, one)";
            assert_eq!(server.value(row), format!("{{{value},PAID}} {{{value},OPEN}} {value}"), "{name}");
        });
    }
}
