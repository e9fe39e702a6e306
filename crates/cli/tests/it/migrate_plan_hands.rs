//! `migrate plan --safe` on servers that have more than their migrations say: what hands made on a column, triggers that a fill
//! runs, writers with another `search_path`, tables in another namespace.

use crate::migrate_plan::{Server, deployed_one_by_one, folders, project};
use crate::migrate_plan_types::planned;
use crate::support::Project;

const FIRST: &str = "20260101000000_init";
const NEXT: &str = "20260102000000_next";
const INIT: &str = "CREATE TYPE \"Role\" AS ENUM ('A', 'B');\n\
                    CREATE TABLE \"User\" (id SERIAL PRIMARY KEY, role TEXT NOT NULL, total INTEGER NOT NULL CHECK (total > 0));\n\
                    CREATE INDEX \"User_total_idx\" ON \"User\"(total);\n";

/// The deploy fails over `name`, says all of `wanted`, and can be tried again.
fn refused(server: &Server, project: &Project, name: &str, wanted: &[&str]) {
    let run = server.run(project, &["migrate", "deploy"]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    for text in wanted {
        assert!(run.both().contains(text), "{text}: {}", run.both());
    }
    let resolved = server.run(project, &["migrate", "resolve", "--rolled-back", name]);
    assert_eq!(resolved.code, Some(0), "{}", resolved.both());
}

#[test]
fn what_hands_made_on_a_column_does_not_go_unnoticed() {
    let retype = "ALTER TABLE \"User\" ALTER COLUMN total TYPE BIGINT;\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"User\" (role, total) SELECT 'A', n FROM generate_series(1, 20) n");
        planned(&server, &project, retype);
        server.rows("CREATE INDEX \"By \"\"hand\" ON \"User\"((total + 1)) WHERE role = 'A'");
        server.rows("ALTER TABLE \"User\" ADD CONSTRAINT most CHECK (total < 1000)");
        server.rows("CREATE STATISTICS both_ways ON role, total FROM \"User\"");
        let wanted = ["By \"\"hand", "constraint most", "both_ways", "before this one and plan anew"];
        refused(&server, &project, NEXT, &wanted);
        let there = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'total_new'";
        assert_eq!(server.value(there), "0", "nothing was begun");

        server.rows("DROP INDEX \"By \"\"hand\"");
        server.rows("CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.total := NEW.total | 1; RETURN NEW; END'");
        server.rows("CREATE TRIGGER odd BEFORE UPDATE ON \"User\" FOR EACH ROW EXECUTE FUNCTION odd()");
        server.rows("DROP STATISTICS both_ways");
        server.rows("ALTER TABLE \"User\" DROP CONSTRAINT most");
        refused(&server, &project, NEXT, &["trigger odd on", "User_total_new_sync"]);
        server.rows("ALTER TRIGGER odd ON \"User\" RENAME TO \"An odd one\"");
        let names = folders(&project);
        let swap = names.iter().position(|name| name.contains("_swap_")).unwrap();
        let aside = tempfile::tempdir().unwrap();
        let (here, there_too) =
            (project.path().join("prisma/migrations").join(&names[swap]), aside.path().join("swap"));
        std::fs::rename(&here, &there_too).unwrap();
        let run = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        server.rows("CREATE INDEX by_hand ON \"User\"(total DESC)");
        std::fs::rename(&there_too, &here).unwrap();
        refused(&server, &project, &names[swap], &["by_hand", "over \"total_new\" too"]);
        assert_eq!(server.value(there), "1", "nothing was swapped");
        server.rows("CREATE INDEX by_hand_too ON \"User\"(total_new DESC)");
        server.rows("DROP INDEX by_hand");
        let run = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        let kept =
            "SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes WHERE tablename = 'User'";
        assert_eq!(server.value(kept), "User_pkey User_total_idx by_hand_too");
    }
}

#[test]
fn a_table_of_columns_alone_has_nothing_unknown() {
    let Some(server) = Server::start(17) else { return };
    let project = project(&[(FIRST, "CREATE TABLE log (n INTEGER NOT NULL DEFAULT 5);\n")]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    server.rows("INSERT INTO log DEFAULT VALUES");
    planned(&server, &project, "ALTER TABLE log ALTER COLUMN n TYPE BIGINT;\n");
    let run = server.run(&project, &["migrate", "deploy"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    server.rows("INSERT INTO log DEFAULT VALUES");
    assert_eq!(server.value("SELECT concat_ws(' ', sum(n), pg_typeof(min(n))) FROM log"), "10 bigint");
}

#[test]
fn a_writer_with_an_empty_search_path_writes_at_every_stage() {
    let retype = "ALTER TABLE \"User\" ALTER COLUMN role TYPE \"Role\" USING (role::text::\"Role\");\n\
                  ALTER TABLE \"User\" ALTER COLUMN total TYPE BIGINT;\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        planned(&server, &project, retype);
        server.rows(
            "CREATE FUNCTION public.add() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS \
             'DECLARE made bigint; BEGIN EXECUTE ''INSERT INTO public.\"User\" (role, total) VALUES (''''B'''', 5) RETURNING id'' \
             INTO made; RETURN made; END'",
        );
        let mut written = 0;
        deployed_one_by_one(&server, &project, &mut |name| {
            written += 1;
            assert_eq!(server.value("SELECT public.add()"), written.to_string(), "{name}");
        });
        assert_eq!(
            server.value("SELECT count(*) FROM \"User\" WHERE role = 'B' AND total = 5"),
            written.to_string()
        );
        assert_eq!(server.value("SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname <> 'add'"), "0");
    }
}

#[test]
fn a_table_with_its_old_name_is_given_what_the_table_is() {
    let rename = "ALTER TABLE \"User\" RENAME TO \"Person\";\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.as_superuser("CREATE ROLE clerk LOGIN; CREATE ROLE boss LOGIN; CREATE ROLE other LOGIN");
        server.rows("GRANT SELECT, INSERT, UPDATE ON \"User\" TO clerk WITH GRANT OPTION");
        server.rows("GRANT SELECT (role) ON \"User\" TO boss");
        // Before 17 a column that is gone still has its privileges in the catalog.
        server.rows("ALTER TABLE \"User\" ADD COLUMN gone TEXT; GRANT SELECT (gone) ON \"User\" TO boss; ALTER TABLE \"User\" DROP COLUMN gone");
        server.rows("GRANT USAGE ON SEQUENCE \"User_id_seq\" TO clerk");
        // A view would be given what the table never was.
        server.rows("ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO other");
        planned(&server, &project, rename);
        server.rows("ALTER TABLE \"User\" ENABLE ROW LEVEL SECURITY");
        refused(&server, &project, NEXT, &["has row security", "in a migration of its own"]);
        assert_eq!(server.value("SELECT to_regclass('\"Person\"') IS NULL"), "t", "nothing was begun");
        server.rows("ALTER TABLE \"User\" DISABLE ROW LEVEL SECURITY");

        let served = |name: &str, stage: &str| {
            let insert = format!("INSERT INTO \"{name}\" (role, total) VALUES ('A', 1) RETURNING role");
            assert_eq!(server.value_as("clerk", &insert), "A", "{stage}: {name}");
            assert_eq!(
                server.value_as("boss", &format!("SELECT max(role) FROM \"{name}\"")),
                "A",
                "{stage}: {name}"
            );
            let has = |role: &str, what: &str| {
                server.value(&format!("SELECT has_table_privilege('{role}', '\"{name}\"', '{what}')"))
            };
            let all = [
                ("clerk", "UPDATE WITH GRANT OPTION"),
                ("clerk", "DELETE"),
                ("boss", "SELECT"),
                ("other", "SELECT"),
            ];
            let all: String = all.iter().map(|(role, what)| has(role, what)).collect();
            assert_eq!(all, "tfff", "{stage}: {name}");
        };
        let names = folders(&project);
        deployed_one_by_one(&server, &project, &mut |name| {
            served("Person", name);
            if name != names[names.len() - 1] {
                served("User", name);
            }
        });
        assert_eq!(server.value("SELECT to_regclass('\"User\"') IS NULL"), "t");
        let undone = server.run(&project, &["migrate", "rollback", "--steps", "1"]);
        assert_eq!(undone.code, Some(0), "{}", undone.both());
        served("User", "the way back");
        served("Person", "the way back");
    }
}

#[test]
fn an_enum_stays_its_owners_and_closed_to_those_to_whom_it_was() {
    let init = "CREATE TYPE \"Role\" AS ENUM ('A', 'B');\n\
                CREATE TABLE \"User\" (id SERIAL PRIMARY KEY, role \"Role\" NOT NULL DEFAULT 'A');\n";
    let rename = "ALTER TYPE \"Role\" RENAME VALUE 'B' TO 'C';\n";
    let belongs = "SELECT concat_ws(' ', pg_get_userbyid(typowner), has_type_privilege('clerk', oid, 'USAGE WITH GRANT OPTION'), \
                   has_type_privilege('other', oid, 'USAGE'), obj_description(oid, 'pg_type')) \
                   FROM pg_type WHERE oid = '\"Role\"'::regtype";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.as_superuser("CREATE ROLE clerk LOGIN; CREATE ROLE other LOGIN; CREATE ROLE \"The keeper\"");
        server.as_superuser(
            "GRANT \"The keeper\" TO postgres; GRANT CREATE ON SCHEMA public TO \"The keeper\"",
        );
        server.rows("ALTER TYPE \"Role\" OWNER TO \"The keeper\"");
        server.rows("REVOKE USAGE ON TYPE \"Role\" FROM PUBLIC");
        server.rows("GRANT USAGE ON TYPE \"Role\" TO clerk WITH GRANT OPTION");
        server.rows("COMMENT ON TYPE \"Role\" IS 'It''s by hand'");
        // A new type would be given to who never had the one before.
        server.rows("ALTER DEFAULT PRIVILEGES GRANT USAGE ON TYPES TO other");
        let before = "The keeper t f It's by hand";
        assert_eq!(server.value(belongs), before);
        planned(&server, &project, rename);
        deployed_one_by_one(&server, &project, &mut |name| {
            assert_eq!(server.value(belongs), before, "{major}: {name}");
        });
        let values = "SELECT enum_range(NULL::\"Role\")::text";
        assert_eq!(server.value(values), "{A,C}");
        let undone = server.run(&project, &["migrate", "rollback", "--steps", "1"]);
        assert_eq!(undone.code, Some(0), "{}", undone.both());
        assert_ne!(server.value(values), "{A,C}");
        assert_eq!(server.value(belongs), before, "{major}: the way back");
    }
}

#[test]
fn a_role_whose_name_needs_quotes_swaps_an_enum() {
    let init = "CREATE TYPE \"Role\" AS ENUM ('A', 'B');\n\
                CREATE TABLE \"User\" (id SERIAL PRIMARY KEY, role \"Role\" NOT NULL DEFAULT 'A');\n\
                CREATE FUNCTION ranked(r \"Role\") RETURNS integer LANGUAGE sql AS 'SELECT 7';\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.as_superuser("CREATE ROLE \"My-App\" LOGIN SUPERUSER; CREATE ROLE other");
        planned(&server, &project, "ALTER TYPE \"Role\" RENAME VALUE 'B' TO 'C';\n");
        let given = "ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO other";
        server.rows_as("My-App", given).unwrap();
        server.rows("REVOKE EXECUTE ON FUNCTION ranked FROM PUBLIC");
        let url = server.url().replacen("postgres@", "My-App@", 1);
        let run = |arguments: &[&str]| project.run_with(arguments, &[("DATABASE_URL", url.as_str())]);
        let has = "SELECT concat_ws(' ', ranked('A'), has_function_privilege('other', 'ranked(\"Role\")', 'EXECUTE'))";
        for arguments in [&["migrate", "deploy"][..], &["migrate", "rollback", "--steps", "1"]] {
            let run = run(arguments);
            assert_eq!(run.code, Some(0), "{major}: {}", run.both());
            assert_eq!(server.value(has), "7 f", "{major}: {arguments:?}");
        }
    }
}

#[test]
fn triggers_that_a_fill_runs_are_named() {
    let Some(server) = Server::start(17) else { return };
    let audit = "CREATE TABLE audit (what TEXT NOT NULL);\n\
                 CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO audit VALUES (TG_OP); RETURN NULL; END';\n\
                 CREATE TRIGGER audit AFTER INSERT OR UPDATE ON \"User\" FOR EACH ROW EXECUTE FUNCTION log();\n\
                 CREATE TRIGGER roles AFTER UPDATE OF role ON \"User\" FOR EACH ROW EXECUTE FUNCTION log();\n";
    let touch = "ALTER TABLE \"User\" ADD COLUMN changed timestamptz NOT NULL DEFAULT now();\n\
                 CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.changed := clock_timestamp(); RETURN NEW; END';\n\
                 CREATE TRIGGER touch BEFORE UPDATE ON \"User\" FOR EACH ROW EXECUTE FUNCTION touch();\n";
    let retype = "ALTER TABLE \"User\" ALTER COLUMN total TYPE BIGINT;\n";
    let shown = |init: &str| {
        let project = project(&[(FIRST, init), (NEXT, retype)]);
        server.run(&project, &["migrate", "plan", "--safe", NEXT]).both()
    };
    let told = "the trigger \"audit\" runs for each row of User that is filled";
    let said = shown(&format!("{INIT}{audit}"));
    assert!(said.contains("proven") && said.contains(told), "{said}");
    let said = shown(INIT);
    assert!(said.contains("proven") && !said.contains("that is filled"), "{said}");
    let said = shown(&format!("{INIT}{touch}"));
    assert!(
        said.contains("other rows than the migration; the trigger \"touch\" runs for each row of User"),
        "{said}"
    );
}

#[test]
fn columns_that_nothing_compares_are_named() {
    let Some(server) = Server::start(17) else { return };
    let init = format!("{INIT}ALTER TABLE \"User\" ADD COLUMN doc json, ADD COLUMN place point;\n");
    let rename = "ALTER TABLE \"User\" RENAME COLUMN doc TO document;\nALTER TABLE \"User\" RENAME COLUMN place TO home;\n\
                  ALTER TABLE \"User\" RENAME COLUMN total TO amount;\n";
    let project = project(&[(FIRST, &init), (NEXT, rename)]);
    let said = server.run(&project, &["migrate", "plan", "--safe", NEXT]).both();
    for text in ["User.doc is left", "type json", "User.place is left", "type point", "_expand_amount"] {
        assert!(said.contains(text), "{text}: {said}");
    }
}

/// The URL completes the names of its author (`schema=`), and those of the plan, which was tried there too.
#[test]
fn a_plan_leaves_the_namespace_to_the_url_as_its_author_does() {
    let init = format!(
        "{INIT}ALTER TABLE \"User\" ADD COLUMN kind \"Role\" NOT NULL DEFAULT 'B', ADD COLUMN note TEXT;\n\
         CREATE VIEW kinds AS SELECT id, kind FROM \"User\";\n\
         CREATE FUNCTION ranked(r \"Role\") RETURNS integer LANGUAGE sql AS 'SELECT CASE r WHEN ''A'' THEN 1 ELSE 2 END';\n"
    );
    let next = "ALTER TABLE \"User\" ALTER COLUMN total TYPE BIGINT;\nALTER TABLE \"User\" RENAME COLUMN note TO remark;\n\
                ALTER TYPE \"Role\" RENAME VALUE 'B' TO 'C';\nCREATE INDEX \"User_role_idx\" ON \"User\"(role);\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, &init)]);
        let url = format!("{}&schema=Our%20App", server.url());
        let run = |arguments: &[&str]| project.run_with(arguments, &[("DATABASE_URL", url.as_str())]);
        let ok = |arguments: &[&str]| {
            let run = run(arguments);
            assert_eq!(run.code, Some(0), "{major} {arguments:?}: {}", run.both());
            run.stdout
        };
        server.rows("CREATE SCHEMA \"Our App\"");
        ok(&["migrate", "deploy"]);
        server.rows("INSERT INTO \"Our App\".\"User\" (role, total, note) SELECT 'x', n, 'n' || n FROM generate_series(1, 20) n");
        let write = |sql: &str| project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), sql);
        write("ALTER TABLE public.\"User\" ALTER COLUMN total TYPE BIGINT;\n");
        let plan = run(&["migrate", "plan", "--safe", "--write"]);
        assert!(
            plan.code == Some(1) && plan.stdout.contains("the migration names \"public\""),
            "{}",
            plan.both()
        );
        write(next);
        server.rows("CREATE VIEW \"Our App\".by_hand AS SELECT kind FROM \"Our App\".\"User\"");
        let plan = run(&["migrate", "plan", "--safe", "--write"]);
        assert!(plan.code == Some(1) && plan.stdout.contains(".by_hand; drop each"), "{}", plan.both());
        assert_eq!(folders(&project).len(), 2, "nothing is written");
        server.rows("DROP VIEW \"Our App\".by_hand");
        let shown = ok(&["migrate", "plan", "--safe", "--write", "--format", "json"]);
        assert!(!shown.contains("unproven"), "{shown}");
        let names = folders(&project);
        for file in ["migration.sql", "backfill.sql"] {
            for name in &names {
                let path = project.path().join("prisma/migrations").join(name).join(file);
                let text = if path.exists() { std::fs::read_to_string(path).unwrap() } else { String::new() };
                let named = text.replace("publication", "");
                assert!(!named.contains("public"), "{name}/{file}: {text}");
            }
        }
        let filled = names.iter().find(|name| name.contains("_fill_total")).unwrap();
        // The first folder, which brings the second column of total, has the migration's own name.
        let expanded = names.iter().position(|name| name == NEXT).unwrap();
        let (there, aside) = (project.path().join("prisma/migrations"), tempfile::tempdir().unwrap());
        for name in &names[expanded + 1..] {
            std::fs::rename(there.join(name), aside.path().join(name)).unwrap();
        }
        ok(&["migrate", "deploy"]);
        std::fs::rename(aside.path().join(filled), there.join(filled)).unwrap();
        ok(&["migrate", "backfill", filled, "--batch-size", "7", "--pause", "0"]);
        // A writer that has another search_path.
        server.rows("INSERT INTO \"Our App\".\"User\" (role, total, note) VALUES ('y', 21, 'n21')");
        let equal = "SELECT count(*) FROM \"Our App\".\"User\" WHERE total_new = total";
        assert_eq!(server.value(equal), "21");
        for name in names[expanded + 1..].iter().filter(|name| *name != filled) {
            std::fs::rename(aside.path().join(name), there.join(name)).unwrap();
        }
        ok(&["migrate", "deploy"]);
        let facts = "SELECT string_agg(DISTINCT concat_ws(' ', pg_typeof(\"User\".total), \"User\".kind, kinds.kind, \"Our App\".ranked(\"User\".kind), \
                     remark = 'n' || \"User\".total), ', ') FROM \"Our App\".\"User\" JOIN \"Our App\".kinds USING (id)";
        assert_eq!(server.value(facts), "bigint C C 2 t");
        let strays = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
        assert_eq!(server.value(strays), "0");
        let steps = (names.len() - 1).to_string();
        ok(&["migrate", "rollback", "--steps", &steps, "--accept-data-loss"]);
        let facts = facts.replace("remark", "note");
        assert_eq!(server.value(&facts), "integer B B 2 t");
        ok(&["migrate", "deploy"]);
        let index =
            "SELECT count(*) FROM pg_indexes WHERE schemaname = 'Our App' AND indexname = 'User_role_idx'";
        assert_eq!((server.value(index), server.value(strays)), ("1".to_owned(), "0".to_owned()));
    }
}

/// Triggers of a kind run by name, and each row meets those of its own partition too.
#[test]
fn a_second_column_follows_what_a_trigger_of_one_partition_makes_of_the_first() {
    let init = "CREATE TABLE event (id INTEGER NOT NULL, at DATE NOT NULL, amount INTEGER NOT NULL CHECK (amount > 0), PRIMARY KEY (id, at)) PARTITION BY RANGE (at);\n\
                CREATE TABLE event_2025 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY RANGE (id);\n\
                CREATE TABLE event_2025_rest PARTITION OF event_2025 DEFAULT;\n\
                CREATE TABLE event_2026 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');\n\
                CREATE FUNCTION positive() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.amount := abs(NEW.amount); RETURN NEW; END';\n\
                CREATE TRIGGER \"zeal\" BEFORE INSERT OR UPDATE ON event_2025_rest FOR EACH ROW EXECUTE FUNCTION positive();\n";
    for major in [18, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server
            .rows("INSERT INTO event SELECT n, '2025-03-01'::date + n * 7, n FROM generate_series(1, 60) n");
        let shown = planned(&server, &project, "ALTER TABLE event ALTER COLUMN amount TYPE BIGINT;\n");
        let told = r#"the trigger \"zeal\" of \"event_2025_rest\" runs for each row of event that is filled"#;
        assert!(shown.contains(told), "{shown}");
        let mut number = 100;
        deployed_one_by_one(&server, &project, &mut |name| {
            number += 1;
            server.rows(&format!("INSERT INTO event VALUES ({number}, '2025-02-03', -{number})"));
            server.rows(&format!("UPDATE event SET amount = -amount - 1 WHERE id = {number}"));
            let amount = format!("SELECT amount FROM event WHERE id = {number}");
            assert_eq!(server.value(&amount), (number + 1).to_string(), "{name}");
        });
        assert_eq!(server.value("SELECT count(*) FROM event WHERE amount <> id AND id <= 60"), "0");
        let late = "SELECT count(*) = count(*) FILTER (WHERE amount = id + 1) FROM event WHERE id > 100";
        assert_eq!(server.value(late), "t");
        let ty = "SELECT format_type(atttypid, -1) FROM pg_attribute WHERE attrelid = 'event_2025_rest'::regclass AND attname = 'amount'";
        assert_eq!(server.value(ty), "bigint");
        assert_eq!(
            server.value("SELECT string_agg(tgname, ' ') FROM pg_trigger WHERE NOT tgisinternal"),
            "zeal"
        );
    }
}
