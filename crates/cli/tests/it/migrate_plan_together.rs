//! `migrate plan --safe` for migrations in which one change needs another one done: types that go with the columns made of them,
//! names that are given anew, indexes whose columns get other names, and values that are made up as the migration runs.

use crate::migrate_plan::{NEXT, Server, deployed_one_by_one, folders, project};
use crate::migrate_plan_types::planned;
use crate::support::Project;

const FIRST: &str = "20260101000000_init";

const INIT: &str = "CREATE TYPE \"Kind\" AS ENUM ('A', 'B');\n\
                    CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.title := lower(NEW.title); RETURN NEW; END $$;\n\
                    CREATE TABLE \"Post\" (id SERIAL PRIMARY KEY, title TEXT NOT NULL, kind \"Kind\" NOT NULL DEFAULT 'A', other \"Kind\");\n\
                    CREATE INDEX \"Post_lookup\" ON \"Post\"(title, kind);\n\
                    CREATE UNIQUE INDEX \"Post_title_key\" ON \"Post\"(title);\n\
                    CREATE TABLE \"Draft\" (id SERIAL PRIMARY KEY, kind \"Kind\" NOT NULL, title TEXT);\n\
                    CREATE INDEX \"by_kind\" ON \"Draft\"(kind);\n\
                    CREATE TRIGGER stamp BEFORE INSERT ON \"Draft\" FOR EACH ROW EXECUTE FUNCTION stamp();\n";

/// What the application that runs does until it may not any more.
const POST: &str = "INSERT INTO \"Post\" (title, kind) VALUES (gen_random_uuid()::text, 'B')";
const DRAFT: &str = "INSERT INTO \"Draft\" (kind, title) VALUES ('A', 'X')";

fn begun(server: &Server) -> Project {
    server.rows("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    let project = project(&[(FIRST, INIT)]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    server.rows("INSERT INTO \"Post\" (title, kind, other) SELECT n || ' title', 'B', 'A' FROM generate_series(1, 30) n");
    server
        .rows("INSERT INTO \"Draft\" (kind, title) SELECT 'A', n || ' title' FROM generate_series(1, 30) n");
    project
}

fn catalog(server: &Server) -> String {
    server.value(
        "SELECT string_agg(what, '; ' ORDER BY what) FROM (SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid::regclass::text ~ '\"' \
         UNION ALL SELECT typname::text FROM pg_type WHERE typtype = 'e' UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace \
         UNION ALL SELECT attrelid::regclass || '.' || attname FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped AND attrelid::regclass::text ~ '^\"(Post|Draft)\"$') AS all_of (what)",
    )
}

fn back(server: &Server, project: &Project, before: &str) {
    let steps = (folders(project).len() - 1).to_string();
    let back = server.run(project, &["migrate", "rollback", "--accept-data-loss", "--steps", &steps]);
    assert_eq!(back.code, Some(0), "{}", back.both());
    assert_eq!(catalog(server), before);
}

#[test]
fn a_type_goes_when_nothing_is_made_of_it_any_more() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        // As Prisma writes it: an enum is dropped right behind the last column of it.
        for (next, works, emptied) in [
            (
                "-- AlterTable\nALTER TABLE \"Post\" DROP COLUMN \"kind\",\nDROP COLUMN \"other\";\n\n-- AlterTable\nALTER TABLE \"Draft\" DROP COLUMN \"kind\";\n\n\
                 -- DropEnum\nDROP TYPE \"Kind\";\n",
                [POST, DRAFT],
                "TRUNCATE \"Post\", \"Draft\"",
            ),
            (
                "-- AlterTable\nALTER TABLE \"Post\" DROP COLUMN \"other\",\nALTER COLUMN \"kind\" DROP DEFAULT,\nALTER COLUMN \"kind\" SET DATA TYPE TEXT USING \"kind\"::text;\n\n\
                 -- DropTable\nDROP TABLE \"Draft\";\n\n-- DropFunction\nDROP FUNCTION stamp();\n\n-- DropEnum\nDROP TYPE IF EXISTS \"Kind\";\n",
                [DRAFT, DRAFT],
                "TRUNCATE \"Post\"",
            ),
        ] {
            let project = begun(&server);
            let before = catalog(&server);
            let shown = planned(&server, &project, next);
            assert!(shown.contains("no running version of the application names"), "{shown}");
            let names = folders(&project);
            assert!(names.last().is_some_and(|name| name.ends_with("_drop_kind")), "{names:?}");
            deployed_one_by_one(&server, &project, &mut |name| {
                if !name.contains("_drop_") {
                    works.iter().for_each(|sql| {
                        server.rows(sql);
                    });
                }
            });
            assert_eq!(server.value("SELECT count(*) FROM pg_type WHERE typname = 'Kind'"), "0");
            // What was in a column that must have values is lost, and no row can go back without.
            server.rows(emptied);
            back(&server, &project, &before);
        }
    }
}

#[test]
fn an_index_whose_name_is_given_anew_makes_way() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = begun(&server);
        let before = catalog(&server);
        // As Prisma writes a model, and a field, that get another name in the database.
        planned(
            &server,
            &project,
            "-- AlterTable\nALTER TABLE \"Post\" DROP COLUMN \"kind\",\nADD COLUMN \"sort\" INTEGER;\n\n-- DropTable\nDROP TABLE \"Draft\";\n\n\
             -- CreateTable\nCREATE TABLE \"Outline\" (id SERIAL PRIMARY KEY, kind \"Kind\" NOT NULL);\n\n\
             -- CreateIndex\nCREATE INDEX \"by_kind\" ON \"Outline\"(kind);\n\n-- CreateIndex\nCREATE INDEX \"Post_lookup\" ON \"Post\"(title, sort);\n",
        );
        deployed_one_by_one(&server, &project, &mut |name| {
            if !name.contains("_drop_") {
                server.rows(POST);
                server.rows(DRAFT);
                // Its query has an index at any time.
                let found = "SELECT count(*) FROM pg_index WHERE indrelid = '\"Draft\"'::regclass AND NOT indisprimary AND indisvalid";
                assert_eq!(server.value(found), "1", "{name}");
            }
        });
        let of = "SELECT string_agg(indrelid::regclass || ' ' || indexrelid::regclass, ', ' ORDER BY indrelid::regclass::text) \
                  FROM pg_index WHERE indexrelid::regclass::text IN ('by_kind', '\"Post_lookup\"') OR indexrelid::regclass::text ~ '_old'";
        assert_eq!(server.value(of), "\"Outline\" by_kind, \"Post\" \"Post_lookup\"");
        back(&server, &project, &before);
    }
}

#[test]
fn an_index_of_a_renamed_column_goes_when_the_old_name_does() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = begun(&server);
        let before = catalog(&server);
        planned(
            &server,
            &project,
            "ALTER TABLE \"Post\" RENAME COLUMN \"title\" TO \"headline\";\nDROP INDEX \"Post_title_key\";\n\
             CREATE UNIQUE INDEX \"Post_headline_key\" ON \"Post\"(\"headline\");\n",
        );
        let names = folders(&project);
        assert!(names.last().is_some_and(|name| name.ends_with("_drop_post_title_key")), "{names:?}");
        deployed_one_by_one(&server, &project, &mut |name| {
            if !name.contains("_drop_") {
                let upsert = "INSERT INTO \"Post\" (title) VALUES ('of the old version') ON CONFLICT (title) DO UPDATE SET other = 'B'";
                server.rows(upsert);
                server.rows(upsert);
            }
        });
        let unique = "SELECT string_agg(pg_get_indexdef(indexrelid), '; ') FROM pg_index \
                      WHERE indrelid = '\"Post\"'::regclass AND indisunique AND NOT indisprimary";
        assert_eq!(
            server.value(unique),
            "CREATE UNIQUE INDEX \"Post_headline_key\" ON public.\"Post\" USING btree (headline)"
        );
        back(&server, &project, &before);
    }
}

#[test]
fn values_that_are_made_up_refute_nothing() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let next = "-- AlterTable\nALTER TABLE \"Post\" ADD COLUMN \"checkedAt\" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,\nADD COLUMN \"token\" TEXT;\n\n\
                    UPDATE \"Post\" SET \"token\" = gen_random_uuid()::text;\n\n-- CreateIndex\nCREATE UNIQUE INDEX \"Post_token_key\" ON \"Post\"(\"token\");\n";
        let project = begun(&server);
        // Nobody who owns the table sees its rows without this setting, which nobody makes in the lab.
        server.rows(
            "ALTER TABLE \"Post\" ENABLE ROW LEVEL SECURITY; ALTER TABLE \"Post\" FORCE ROW LEVEL SECURITY; \
             CREATE POLICY own ON \"Post\" USING (current_setting('app.tenant') = title)",
        );
        project.write(
            "prisma/migrations/20260101000001_policy/migration.sql",
            "ALTER TABLE \"Draft\" ENABLE ROW LEVEL SECURITY; ALTER TABLE \"Draft\" FORCE ROW LEVEL SECURITY;\n\
             CREATE POLICY own ON \"Draft\" USING (current_setting('app.tenant') = title);\n",
        );
        let deployed = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(deployed.code, Some(0), "{}", deployed.both());
        project.write(
            &format!("prisma/migrations/{NEXT}/migration.sql"),
            format!("{next}CREATE INDEX \"Draft_title_idx\" ON \"Draft\"(title);\n"),
        );
        let plan = server.run(&project, &["migrate", "plan", "--safe", "--format", "json"]);
        assert_eq!(plan.code, Some(0), "{}", plan.both());
        let migration = &plan.json()["migrations"][0];
        assert_eq!(migration["verdict"]["verdict"], "proven", "{migration:#}");
        let notes = migration["notes"].to_string();
        assert!(notes.contains("makes other values each time it runs: Post.token."), "{notes}");
    }
}

#[test]
fn what_loses_its_name_to_another_goes_where_it_is_written() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        for (next, verdict, told) in [
            (
                "ALTER TABLE \"Post\" ADD COLUMN \"kind_new\" TEXT;\nUPDATE \"Post\" SET \"kind_new\" = lower(\"kind\"::text);\nALTER TABLE \"Post\" DROP COLUMN \"kind\";\n\
                 ALTER TABLE \"Post\" RENAME COLUMN \"kind_new\" TO \"kind\";\nCREATE INDEX \"Post_other_idx\" ON \"Post\"(\"other\");\n",
                "proven",
                "Post.kind is dropped as it is written: a later statement gives its name to \\\"kind_new\\\"",
            ),
            (
                "DROP TABLE \"Draft\";\nCREATE TABLE \"Draft\" (id BIGSERIAL PRIMARY KEY);\nCREATE INDEX \"Post_other_idx\" ON \"Post\"(\"other\");\n",
                "proven",
                "Draft is dropped as it is written: a later statement gives its name to another table",
            ),
            (
                "ALTER TABLE \"Post\" RENAME COLUMN \"kind\" TO \"kind_old\";\nALTER TABLE \"Post\" ADD COLUMN \"kind\" TEXT;\nCREATE INDEX \"Post_other_idx\" ON \"Post\"(\"other\");\n",
                "proven",
                "Post.kind is left as it is written: a later statement gives its name to another column",
            ),
            (
                "ALTER TABLE \"Draft\" RENAME TO \"Sketch\";\nALTER TABLE \"Sketch\" RENAME COLUMN \"title\" TO \"headline\";\n",
                "proven",
                "columns of Sketch are renamed as it is written: the view of its old name keeps theirs",
            ),
            (
                "ALTER TABLE \"Post\" ALTER COLUMN \"other\" TYPE TEXT;\nALTER TABLE \"Post\" ALTER COLUMN \"other\" TYPE \"Kind\" USING \"other\"::\"Kind\";\n",
                "unchanged",
                "Post.other is left as it is written: its type changes more than once",
            ),
        ] {
            let project = begun(&server);
            project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), next);
            let plan = server.run(&project, &["migrate", "plan", "--safe", "--format", "json"]);
            let migration = &plan.json()["migrations"][0];
            assert_eq!(migration["verdict"]["verdict"], verdict, "{migration:#}");
            assert!(migration["notes"].to_string().contains(told), "{migration:#}");
            // The report does not pass over what the old version misses, which is nothing behind a view.
            let left = migration["left"].as_array().unwrap();
            assert_eq!(left.is_empty(), next.contains("Sketch"), "{migration:#}");
        }
    }
}
