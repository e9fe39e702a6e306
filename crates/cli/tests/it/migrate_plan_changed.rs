//! `migrate plan --safe` of an enum where hands changed what migrations made: words of views, policies and defaults, values, owners. The plan
//! refuses them by name, and so does the first folder, before anything changes.

use crate::migrate_plan::{Server, folders, project};
use crate::migrate_plan_strangers::{FIRST, INIT, NEXT};
use crate::migrate_plan_types::planned;

/// The swap gives views and policies the words of migrations: rows that hands hid would be seen again.
#[test]
fn what_hands_changed_of_views_and_policies_is_named_before_anything_changes() {
    let rename = "ALTER TYPE \"Status\" RENAME VALUE 'VOID' TO 'CANCELLED';\n";
    let init = format!(
        "{INIT}CREATE POLICY our_rows ON \"Other\" AS RESTRICTIVE FOR UPDATE USING (EXISTS (SELECT FROM \"Order\" AS o \
         WHERE o.id = \"Other\".id AND o.status = 'OPEN')) WITH CHECK (id IN (SELECT n FROM \"Order\" WHERE status = 'VOID'));\n"
    );
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, &init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        let change = |policy: &str, check: &str, view: &str| {
            server.rows(&format!("ALTER POLICY our_policy ON \"Order\" USING (status {policy} 'PAID')"));
            server.rows(&format!(
                "ALTER POLICY our_rows ON \"Other\" WITH CHECK (id IN (SELECT n FROM \"Order\" WHERE status = '{check}'))"
            ));
            server
                .rows(&format!("CREATE OR REPLACE VIEW our_view AS SELECT id, status FROM \"Order\"{view}"));
        };
        let by_hand = || change("=", "OPEN", " WHERE n > 0");
        let as_made = || change("<>", "VOID", "");
        let named = |text: &str| {
            let plain = text.replace('\\', "");
            for name in [
                "policy our_policy on table public.\"Order\" (changed by hand)",
                "policy our_rows on table public.\"Other\" (changed by hand)",
                "view public.our_view (changed by hand)",
            ] {
                assert!(plain.contains(name), "{name}: {text}");
            }
            assert!(!text.contains("over_view"), "{text}");
        };
        by_hand();
        project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), rename);
        let plan = server.run(&project, &["migrate", "plan", "--safe", "--write"]);
        assert_eq!(plan.code, Some(1), "{}", plan.both());
        named(&plan.stdout);
        assert_eq!(folders(&project).len(), 2, "nothing is written");

        as_made();
        planned(&server, &project, rename);
        let names = folders(&project);
        by_hand();
        let deployed = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(deployed.code, Some(1), "{}", deployed.both());
        named(&deployed.both());
        assert_eq!(
            server.value("SELECT string_agg(typname, ' ') FROM pg_type WHERE typname ~ '^Status'"),
            "Status"
        );
        let again = |name: &str| {
            assert_eq!(server.run(&project, &["migrate", "resolve", "--rolled-back", name]).code, Some(0));
        };
        again(&names[1]);

        as_made();
        let last = names.last().unwrap();
        let apart = project.path().join("apart");
        std::fs::rename(project.path().join("prisma/migrations").join(last), &apart).unwrap();
        let deployed = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(deployed.code, Some(0), "{}", deployed.both());
        std::fs::rename(&apart, project.path().join("prisma/migrations").join(last)).unwrap();
        by_hand();
        let deployed = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(deployed.code, Some(1), "{}", deployed.both());
        named(&deployed.both());
        let words = "SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polname = 'our_policy'";
        assert!(server.value(words).contains("status = 'PAID'"), "as hands left it");
        as_made();
        again(last);
        let deployed = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(deployed.code, Some(0), "{}", deployed.both());
        assert!(server.value(words).contains("status <> 'PAID'"), "as migrations made it");
    }
}

/// Versions word views differently, which is nobody's change, and no privilege is needed to see it.
#[test]
fn views_and_policies_are_compared_as_the_server_words_them_that_runs_the_plan() {
    let rename = "ALTER TYPE \"Status\" RENAME VALUE 'VOID' TO 'CANCELLED';\n";
    for (major, other) in [(17, 15), (15, 17)] {
        let (Some(server), Some(other)) = (Server::start(major), Server::start(other)) else { continue };
        let project = project(&[(FIRST, INIT)]);
        for server in [&server, &other] {
            assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        }
        planned(&server, &project, rename);
        let place = other.value("SELECT quote_ident(current_database())");
        other.as_superuser(&format!("REVOKE TEMPORARY ON DATABASE {place} FROM PUBLIC, postgres"));
        let view = "CREATE OR REPLACE VIEW our_view AS SELECT id, status FROM \"Order\"";
        other.rows(&format!("{view} WHERE n > 0"));
        let deployed = other.run(&project, &["migrate", "deploy"]);
        assert_eq!(deployed.code, Some(1), "{}", deployed.both());
        assert!(
            deployed.both().contains("leave these: view public.our_view (changed by hand)"),
            "{}",
            deployed.both()
        );
        other.rows(view);
        let first = &folders(&project)[1];
        assert_eq!(other.run(&project, &["migrate", "resolve", "--rolled-back", first]).code, Some(0));
        let deployed = other.run(&project, &["migrate", "deploy"]);
        assert_eq!(deployed.code, Some(0), "{}", deployed.both());
        assert_eq!(other.value("SELECT count(*) FROM pg_class WHERE relname = 'pgsteward_words'"), "0");
    }
}

#[test]
fn a_value_that_hands_added_is_named_before_its_rows_cannot_be_written() {
    let rename = "ALTER TYPE \"Status\" RENAME VALUE 'VOID' TO 'CANCELLED';\n";
    let anew = "CREATE TYPE \"Status_new\" AS ENUM ('PAID', 'OPEN', 'VOID');\nALTER TABLE \"Order\" ALTER COLUMN status DROP DEFAULT;\n\
        ALTER TABLE \"Order\" ALTER COLUMN status TYPE \"Status_new\" USING (status::text::\"Status_new\");\n\
        ALTER TYPE \"Status\" RENAME TO \"Status_old\";\nALTER TYPE \"Status_new\" RENAME TO \"Status\";\nDROP TYPE \"Status_old\";\n\
        ALTER TABLE \"Order\" ALTER COLUMN status SET DEFAULT 'OPEN';\n";
    let plain = "CREATE TYPE \"Status\" AS ENUM ('OPEN', 'VOID', 'PAID');\n\
        CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, status \"Status\" DEFAULT 'OPEN');\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        for (init, change) in [(INIT, rename), (plain, anew)] {
            server.as_superuser(
                "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO PUBLIC",
            );
            let project = project(&[(FIRST, init)]);
            let deploy = |code| {
                let deployed = server.run(&project, &["migrate", "deploy"]);
                assert_eq!(deployed.code, Some(code), "{}", deployed.both());
                deployed.both()
            };
            let insert = || server.rows("INSERT INTO \"Order\" (status) VALUES ('It''s HELD')");
            let named = "value 'It''s HELD' of the enum";
            deploy(0);
            planned(&server, &project, change);
            server.rows("ALTER TYPE \"Status\" ADD VALUE 'It''s HELD'");
            insert();
            let said = deploy(1);
            assert!(said.contains(named), "{said}");
            insert();
            assert_eq!(server.value("SELECT count(*) FROM pg_type WHERE typname = 'Status_new'"), "0");

            // A plan for a database that has it is refused.
            for name in folders(&project).iter().skip(1) {
                std::fs::remove_dir_all(project.path().join("prisma/migrations").join(name)).unwrap();
            }
            server.rows("DELETE FROM _prisma_migrations WHERE finished_at IS NULL");
            project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), change);
            let plan = server.run(&project, &["migrate", "plan", "--safe", "--write"]);
            assert_eq!(plan.code, Some(1), "{}", plan.both());
            assert!(plan.stdout.contains(named), "{}", plan.both());

            // A migration that adds it is what the plan takes along.
            let add = "ALTER TYPE \"Status\" ADD VALUE IF NOT EXISTS 'It''s HELD';\n";
            project.write("prisma/migrations/20260101120000_held/migration.sql", add);
            std::fs::remove_dir_all(project.path().join("prisma/migrations").join(NEXT)).unwrap();
            deploy(0);
            let change = change.replace("'VOID')", "'VOID', 'It''s HELD')");
            planned(&server, &project, &change);
            deploy(0);
            insert();
        }
    }
}

#[test]
fn what_could_not_go_back_to_its_owner_is_named_before_anything_changes() {
    let rename = "ALTER TYPE \"Status\" RENAME VALUE 'VOID' TO 'CANCELLED';\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        server.as_superuser("CREATE ROLE keeper; CREATE ROLE stranger; GRANT keeper, stranger TO postgres");
        let project = project(&[(FIRST, INIT)]);
        let deploy = |code| {
            let deployed = server.run(&project, &["migrate", "deploy"]);
            assert_eq!(deployed.code, Some(code), "{}", deployed.both());
            deployed.both().replace('\\', "")
        };
        deploy(0);
        planned(&server, &project, rename);
        let first = &folders(&project)[1];
        let again = || {
            assert_eq!(server.run(&project, &["migrate", "resolve", "--rolled-back", first]).code, Some(0));
        };
        let grant = "GRANT CREATE ON SCHEMA public TO keeper, stranger";
        server.as_superuser(grant);
        server.rows("ALTER TYPE \"Status\" OWNER TO keeper; ALTER VIEW our_view OWNER TO keeper");
        server.rows(
            "ALTER FUNCTION ranked(\"Status\") OWNER TO keeper; ALTER VIEW over_view OWNER TO stranger",
        );
        server.as_superuser("REVOKE CREATE ON SCHEMA public FROM keeper; REVOKE stranger FROM postgres");
        let said = deploy(1);
        let lacks = "(its owner may make nothing there: GRANT CREATE ON SCHEMA public TO keeper)";
        for name in [
            format!("type public.\"Status\" {lacks}"),
            format!("view public.our_view {lacks}"),
            format!("function public.ranked(public.\"Status\") {lacks}"),
            "view public.over_view (its owner is a role that this one is no member of: GRANT stranger TO postgres)".to_owned(),
        ] {
            assert!(said.contains(&name), "{name}: {said}");
        }
        assert_eq!(server.value("SELECT count(*) FROM pg_enum WHERE enumlabel = 'CANCELLED'"), "0");
        server.as_superuser(&format!("{grant}; GRANT stranger TO postgres"));
        again();
        deploy(0);
        let owner = "SELECT concat_ws(' ', (SELECT typowner::regrole FROM pg_type WHERE typname = 'Status'), \
                     (SELECT string_agg(relowner::regrole::text, ' ' ORDER BY relname) FROM pg_class WHERE relname ~ '^o.*_view$'))";
        assert_eq!(server.value(owner), "keeper keeper stranger");
    }
}

#[test]
fn a_default_that_hands_changed_is_named_before_anything_changes() {
    let rename = "ALTER TYPE \"Status\" RENAME VALUE 'VOID' TO 'CANCELLED';\n";
    let init = format!(
        "{INIT}ALTER TABLE \"Order\" ADD seen \"Status\"[] NOT NULL DEFAULT '{{VOID, PAID}}', ADD later \"Status\" DEFAULT ('OPEN'), \
         ADD none \"Status\" DEFAULT NULL, ADD picked \"Status\" DEFAULT (CASE WHEN random() > 2 THEN 'VOID' ELSE 'PAID' END)::\"Status\";\n"
    );
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, &init)]);
        let deploy = |code| {
            let deployed = server.run(&project, &["migrate", "deploy"]);
            assert_eq!(deployed.code, Some(code), "{}", deployed.both());
            deployed.both().replace('\\', "")
        };
        deploy(0);
        let set = |column: &str, default: &str| {
            server.rows(&format!("ALTER TABLE \"Order\" ALTER {column} SET DEFAULT {default}"));
        };
        set("status", "'PAID'");
        project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), rename);
        let plan = server.run(&project, &["migrate", "plan", "--safe", "--write"]);
        assert_eq!(plan.code, Some(1), "{}", plan.both());
        let named = "leave: default of column status of table public.\"Order\" (changed by hand);";
        assert!(plan.stdout.contains(named), "{}", plan.both());
        set("status", "'OPEN'");
        planned(&server, &project, rename);

        set("status", "'PAID'");
        set("seen", "'{PAID}'");
        set("picked", "(CASE WHEN random() > 1 THEN 'VOID' ELSE 'PAID' END)::\"Status\"");
        server.rows("ALTER TABLE \"Order\" ALTER later DROP DEFAULT");
        let said = deploy(1);
        for (column, what) in [
            ("status", "changed by hand"),
            ("seen", "changed by hand"),
            ("picked", "changed by hand"),
            ("later", "not there any more"),
        ] {
            let name = format!("default of column {column} of table public.\"Order\" ({what})");
            assert!(said.contains(&name), "{name}: {said}");
        }
        assert!(!said.contains("column none"), "{said}");
        set("status", "'OPEN'");
        set("seen", "'{VOID,PAID}'");
        set("later", "'OPEN'");
        set("picked", "(CASE WHEN random() > 2 THEN 'VOID' ELSE 'PAID' END)::\"Status\"");
        let first = &folders(&project)[1];
        assert_eq!(server.run(&project, &["migrate", "resolve", "--rolled-back", first]).code, Some(0));
        deploy(0);
    }
}

/// What the migration itself gives other words while the swap waits is nobody's change.
#[test]
fn what_a_migration_changes_beside_the_enum_is_not_taken_for_a_change_by_hand() {
    let init = "CREATE TYPE \"Status\" AS ENUM ('OPEN', 'VOID', 'PAID');\nCREATE TYPE \"Kind\" AS ENUM ('A', 'B');\n\
        CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, status \"Status\" NOT NULL DEFAULT 'OPEN', kind \"Kind\" NOT NULL DEFAULT 'A');\n\
        CREATE VIEW both_view AS SELECT id, status, kind FROM \"Order\" WHERE status <> 'VOID' AND kind <> 'B';\n\
        ALTER TABLE \"Order\" ENABLE ROW LEVEL SECURITY;\nCREATE POLICY own_policy ON \"Order\" USING (kind <> 'B');\n";
    let rename = "ALTER TYPE \"Kind\" RENAME VALUE 'B' TO 'Z';\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        for beside in [
            "ALTER TYPE \"Status\" RENAME TO \"OrderStatus\";\n",
            "CREATE OR REPLACE VIEW both_view AS SELECT id, status, kind FROM \"Order\" WHERE kind <> 'Z';\n",
            "ALTER POLICY own_policy ON \"Order\" USING (kind = 'A');\n",
        ] {
            server.as_superuser(
                "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO PUBLIC",
            );
            let project = project(&[(FIRST, init)]);
            assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
            planned(&server, &project, &format!("{rename}{beside}"));
            let deployed = server.run(&project, &["migrate", "deploy"]);
            assert_eq!(deployed.code, Some(0), "{}", deployed.both());
        }
    }
}

/// The URL's namespace completes the names of the guard too.
#[test]
fn the_guard_sees_what_hands_made_in_the_namespace_of_the_url() {
    let init = "CREATE TYPE \"Status\" AS ENUM ('OPEN', 'CLOSED');\n\
                CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, status \"Status\" NOT NULL DEFAULT 'OPEN');\n\
                CREATE VIEW open_orders AS SELECT id FROM \"Order\" WHERE status = 'OPEN';\n\
                CREATE POLICY own_rows ON \"Order\" USING (status <> 'CLOSED');\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, init)]);
        let url = format!("{}&schema=our", server.url());
        let run = |arguments: &[&str]| project.run_with(arguments, &[("DATABASE_URL", url.as_str())]);
        server.rows("CREATE SCHEMA our");
        assert_eq!(run(&["migrate", "deploy"]).code, Some(0));
        project.write(
            &format!("prisma/migrations/{NEXT}/migration.sql"),
            "ALTER TYPE \"Status\" RENAME VALUE 'OPEN' TO 'OPENED';\n",
        );
        let plan = run(&["migrate", "plan", "--safe", "--write"]);
        assert!(plan.code == Some(0) && !plan.stdout.contains("unproven"), "{}", plan.both());
        let first = folders(&project).remove(1);
        for (made, undone, named) in [
            (
                "CREATE VIEW our.by_hand AS SELECT status FROM our.\"Order\"",
                "DROP VIEW our.by_hand",
                "by_hand",
            ),
            (
                "ALTER POLICY own_rows ON our.\"Order\" USING (status = 'CLOSED')",
                "ALTER POLICY own_rows ON our.\"Order\" USING (status <> 'CLOSED')",
                "own_rows on table \"Order\" (changed by hand)",
            ),
        ] {
            server.rows(made);
            let deployed = run(&["migrate", "deploy"]);
            let told = deployed.both().replace('\\', "");
            assert!(deployed.code == Some(1) && told.contains(named), "{told}");
            server.rows(undone);
            assert_eq!(run(&["migrate", "resolve", "--rolled-back", &first]).code, Some(0));
        }
        let deployed = run(&["migrate", "deploy"]);
        assert_eq!(deployed.code, Some(0), "{}", deployed.both());
        let value = "INSERT INTO our.\"Order\" DEFAULT VALUES RETURNING status";
        assert_eq!(server.value(value), "OPENED");
    }
}

/// Another namespace is another name to the policy that reads the table.
#[test]
fn a_table_that_moves_before_its_enum_changes_is_no_change_by_hand() {
    let init = "CREATE TYPE \"Status\" AS ENUM ('OPEN', 'CLOSED');\nCREATE TABLE \"User\" (id INT PRIMARY KEY);\n\
                CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, status \"Status\" NOT NULL);\n\
                CREATE POLICY p ON \"Order\" USING (status = 'OPEN' AND id IN (SELECT id FROM \"User\"));\n";
    let Some(server) = Server::start(17) else { return };
    let project = project(&[(FIRST, init)]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    project.write(
        &format!("prisma/migrations/{NEXT}/migration.sql"),
        "CREATE SCHEMA x;\nALTER TABLE \"User\" SET SCHEMA x;\nALTER TYPE \"Status\" RENAME VALUE 'OPEN' TO 'OPENED';\n",
    );
    let plan = server.run(&project, &["migrate", "plan", "--safe", "--write", "--format", "json"]);
    assert_eq!(plan.json()["migrations"][0]["verdict"]["verdict"], "proven", "{}", plan.both());
    let deployed = server.run(&project, &["migrate", "deploy"]);
    assert_eq!(deployed.code, Some(0), "{}", deployed.both());
}
