//! `migrate squash` in the lab and on servers: what the new migration makes, what databases do that meet it, and what
//! is on disk whatever happens.

use std::path::Path;

use crate::migrate_support::{Server, add, deploy_json, migrate, project};
use crate::support::{Project, Run};

/// Things that a Prisma schema cannot say, rows, and statements that no transaction takes.
const HISTORY: [(&str, &str); 5] = [
    (
        "20260101000000_init",
        "CREATE TYPE \"Role\" AS ENUM ('ADMIN', 'USER');\n\
         CREATE TABLE \"User\" (id SERIAL PRIMARY KEY, name TEXT NOT NULL, role \"Role\" NOT NULL DEFAULT 'USER', \"createdAt\" \
         TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);\n\
         INSERT INTO \"User\" (name, role) VALUES ('it''s \\me', 'ADMIN'), ('other', 'USER');\n",
    ),
    (
        "20260102000000_post",
        "CREATE TABLE \"Post\" (id SERIAL PRIMARY KEY, title TEXT, \"userId\" INTEGER REFERENCES \"User\"(id));\n\
         CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.title := coalesce(NEW.title, '?'); \
         RETURN NEW; END $$;\n\
         CREATE TRIGGER \"Post_touch\" BEFORE INSERT OR UPDATE ON \"Post\" FOR EACH ROW EXECUTE FUNCTION touch();\n\
         INSERT INTO \"Post\" (\"userId\") SELECT id FROM \"User\";\n",
    ),
    (
        "20260103000000_index",
        "CREATE INDEX CONCURRENTLY \"Post_lower_idx\" ON \"Post\"(lower(title)) WHERE title <> '';\n",
    ),
    (
        "20260104000000_view",
        "ALTER TYPE \"Role\" ADD VALUE 'GUEST';\nALTER TABLE \"Post\" ADD COLUMN body TEXT, ADD CONSTRAINT body_check CHECK \
         (length(body) < 900);\nALTER TABLE \"Post\" ENABLE ROW LEVEL SECURITY;\n\
         CREATE POLICY own ON \"Post\" USING (\"userId\" > 0);\nCREATE VIEW admins AS SELECT id, name FROM \"User\" WHERE role = 'ADMIN';\n",
    ),
    (
        "20260105000000_fill",
        "UPDATE \"Post\" SET body = upper(title);\nDELETE FROM \"User\" WHERE name = 'nobody';\n",
    ),
];

const NEW: &str = "20260105000000_squashed_migrations";

fn committed() -> Project {
    let project = project(&HISTORY);
    project.commit_all();
    project
}

fn squash(project: &Project, arguments: &[&str]) -> Run {
    // No server is there to be asked.
    let unreachable = [("DATABASE_URL", "postgresql://nobody@localhost:1/none")];
    project.run_with(&[&["migrate", "squash", "--quiet"], arguments].concat(), &unreachable)
}

fn folders(project: &Project) -> Vec<String> {
    project.list("prisma/migrations")
}

/// Everything that a dump would show, and the rows.
fn content(database: &crate::migrate_support::Database<'_>) -> Vec<String> {
    let ask =
        |sql: &str| -> Vec<String> { database.rows(sql).into_iter().map(|row| format!("{row:?}")).collect() };
    [
        "SELECT table_name, column_name, data_type, column_default, is_nullable FROM \
         information_schema.columns WHERE table_schema = 'public' AND table_name <> '_prisma_migrations' ORDER BY 1, ordinal_position",
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> '_prisma_migrations' ORDER BY 1",
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND \
         conrelid <> coalesce(to_regclass('_prisma_migrations'), 0)::oid ORDER BY 1",
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
        "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1",
        "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public' ORDER BY 1",
        "SELECT policyname, qual FROM pg_policies ORDER BY 1",
        "SELECT enumlabel FROM pg_enum ORDER BY enumsortorder",
        "SELECT id, name, role FROM \"User\" ORDER BY id",
        "SELECT id, title, \"userId\", body FROM \"Post\" ORDER BY id",
        "SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 2",
    ]
    .iter()
    .flat_map(|sql| ask(sql))
    .collect()
}

#[test]
fn makes_what_the_history_made() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = committed();
        let (old, new, again) = (server.database(), server.database(), server.database());
        assert_eq!(migrate(&project, &old, &["deploy"]).code, Some(0));
        let run = migrate(&project, &old, &["squash", "--yes", "--format", "json"]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        let report = run.json();
        assert_eq!(report["outcome"], "written");
        assert_eq!(report["form"]["form"], "schema", "{report:#}");
        assert_eq!(report["joined"].as_array().unwrap().len(), 5);
        assert_eq!(report["rows"][1]["table"], "User");
        assert_eq!(report["rows"][1]["defaults"][0], "createdAt");
        assert_eq!(report["data_statements"].as_array().unwrap().len(), 4);
        assert!(report["server"].as_str().unwrap().starts_with(&major.to_string()));
        assert_eq!(folders(&project), [NEW]);

        // A new database has it all; one that has it learns of it and runs nothing.
        assert_eq!(migrate(&project, &new, &["deploy"]).code, Some(0));
        assert_eq!(content(&new), content(&old), "PostgreSQL {major}");
        let status = migrate(&project, &old, &["status", "--no-lab"]);
        assert!(status.stdout.contains("`pgsteward migrate deploy` records it"), "{}", status.both());
        let before = content(&old);
        let (run, json) = deploy_json(&project, &old, &[]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        assert_eq!(json["recorded"][0], NEW);
        assert!(json["files"].as_array().unwrap().is_empty());
        assert_eq!(content(&old), before);
        assert_eq!(old.history().len(), 6, "the old rows stay");
        let status = migrate(&project, &old, &["status"]);
        assert_eq!(status.code, Some(0), "{}", status.both());
        let (run, json) = deploy_json(&project, &old, &[]);
        assert_eq!((run.code, json["recorded"].as_array().unwrap().len()), (Some(0), 0));
        if major != 17 {
            continue;
        }
        // The statements as they are make the same, too.
        let project = committed();
        let run = squash(&project, &["--to", HISTORY[4].0, "--keep-statements", "--yes"]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        assert_eq!(migrate(&project, &again, &["deploy"]).code, Some(0));
        assert_eq!(content(&again), content(&old));
    }
}

#[test]
fn a_database_with_a_part_is_refused_and_goes_on_from_the_old_folders() {
    let Some(server) = Server::start(17) else { return };
    let (part, edited) = (server.database(), server.database());
    let old = project(&HISTORY[..3]);
    assert_eq!(migrate(&old, &part, &["deploy"]).code, Some(0));
    let project = committed();
    assert_eq!(squash(&project, &["--to", HISTORY[4].0, "--yes"]).code, Some(0));
    let run = migrate(&project, &part, &["deploy"]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    assert!(run.stderr.contains("has applied only 3 of them, not \"20260104000000_view\""), "{}", run.stderr);
    assert_eq!(part.history().len(), 3);
    // From a commit that has the folders it gets the rest.
    assert_eq!(migrate(&committed(), &part, &["deploy"]).code, Some(0));
    assert_eq!(migrate(&project, &part, &["deploy"]).code, Some(0));
    assert_eq!(part.history().last().unwrap().name, NEW);
    // What was applied with another text is not what was joined.
    assert_eq!(migrate(&committed(), &edited, &["deploy"]).code, Some(0));
    edited.run("UPDATE _prisma_migrations SET checksum = repeat('0', 64) WHERE migration_name LIKE '%_view'");
    let run = migrate(&project, &edited, &["deploy"]);
    assert!(run.code == Some(1) && run.stderr.contains("with another text"), "{}", run.both());
    assert!(run.stderr.contains(&format!("migrate resolve --applied {NEW}")), "{}", run.stderr);
    assert_eq!(migrate(&project, &edited, &["resolve", "--applied", NEW]).code, Some(0));
    assert_eq!(migrate(&project, &edited, &["deploy"]).code, Some(0));
}

#[test]
fn development_goes_on_behind_it() {
    let Some(server) = Server::start(17) else { return };
    let schema = "model User {\n  id Int @id @default(autoincrement())\n  name String\n}\n";
    let project = Project::new(&[("prisma/schema.prisma", &format!("{}\n{schema}", crate::support::HEAD))]);
    let database = server.database();
    assert_eq!(migrate(&project, &database, &["dev", "--name", "init"]).code, Some(0));
    let wider = schema.replace("name String\n", "name String\n  age Int?\n");
    project.write("prisma/schema.prisma", format!("{}\n{wider}", crate::support::HEAD));
    assert_eq!(migrate(&project, &database, &["dev", "--name", "age"]).code, Some(0));
    project.commit_all();
    let run = migrate(&project, &database, &["squash", "--yes", "--name", "Start here"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    let names: Vec<String> = folders(&project).into_iter().filter(|name| !name.ends_with(".toml")).collect();
    assert!(names.len() == 1 && names[0].ends_with("_start_here"), "{names:?}");
    // No reset is asked for, and the next migration is the difference alone.
    let run = migrate(&project, &database, &["dev"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(run.stdout.contains("without running it"), "{}", run.stdout);
    let rows = database.history();
    assert_eq!(rows.iter().filter(|row| row.rolled_back).count(), 2, "{rows:?}");
    assert!(rows[0].logs.as_deref().unwrap().starts_with("Not undone: "), "{rows:?}");
    assert!(!rows[2].rolled_back && rows[2].name.ends_with("_start_here"), "{rows:?}");
    let next = wider.replace("age Int?\n", "age Int?\n  note String?\n");
    project.write("prisma/schema.prisma", format!("{}\n{next}", crate::support::HEAD));
    let run = migrate(&project, &database, &["dev", "--name", "note"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    let names: Vec<String> = folders(&project).into_iter().filter(|name| name.ends_with("_note")).collect();
    assert_eq!(
        project.read(&format!("prisma/migrations/{}/migration.sql", names[0])),
        "-- AlterTable\nALTER TABLE \"User\" ADD COLUMN     \"note\" TEXT;\n"
    );
    assert_eq!(migrate(&project, &database, &["status"]).code, Some(0));
}

#[test]
fn what_is_refused_changes_nothing() {
    let project = project(&HISTORY);
    let before = folders(&project);
    let refused = |arguments: &[&str], words: &str| {
        let run = squash(&project, arguments);
        assert_eq!(run.code, Some(1), "{}", run.both());
        assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
        assert_eq!(folders(&project), before);
    };
    let to = ["--to", HISTORY[4].0];
    refused(&["--yes"], "name the last migration to join");
    refused(&["--yes", "--to", "20269999"], "there is no migration \"20269999\"");
    refused(&["--yes", "--to", HISTORY[0].0], "nothing to join it with");
    refused(&["--yes", to[0], to[1]], "is not under git");
    refused(&["--yes", to[0], to[1], "--name", "fill"], "is that of a migration that it joins");
    let early = ["--yes", "--to", HISTORY[1].0, "--name", "zz"];
    project.write("prisma/migrations/20260102000000_q/migration.sql", "SELECT 1;\n");
    let run = squash(&project, &early);
    assert!(run.stderr.contains("does not come before \"20260102000000_q\""), "{}", run.stderr);
    std::fs::remove_dir_all(project.path().join("prisma/migrations/20260102000000_q")).unwrap();
    project.commit_all();
    let view = format!("prisma/migrations/{}/migration.sql", HISTORY[3].0);
    project.write(&view, format!("{}-- More.\n", HISTORY[3].1));
    refused(&["--yes", to[0], to[1]], "git does not have the migration \"20260104000000_view\" as it is");
    project.commit_all();
    refused(&to, "nobody is at a terminal");
    let run = squash(&project, &["--dry-run", to[0], to[1], "-v"]);
    assert!(run.code == Some(0) && run.stdout.contains("CREATE TABLE \"User\" ("), "{}", run.both());
    assert_eq!(folders(&project), before);
    assert!(!project.path().join("prisma/.pgsteward-squash").exists());
}

/// The disk as a kill between two renames leaves it.
#[test]
fn an_interrupted_squash_is_finished_or_taken_back() {
    let Some(server) = Server::start(17) else { return };
    let project = committed();
    assert_eq!(squash(&project, &["--to", HISTORY[4].0, "--yes"]).code, Some(0));
    // Two old folders are still there, one has left and is not deleted yet.
    for (name, sql) in &HISTORY[3..] {
        add(&project, name, sql);
    }
    let left = "prisma/.pgsteward-squash/old/20260103000000_index/migration.sql";
    project.write(left, HISTORY[2].1);
    let database = server.database();
    let run = migrate(&project, &database, &["deploy"]);
    assert!(run.code == Some(1) && run.stderr.contains("a squash was interrupted"), "{}", run.both());
    assert_eq!(database.history(), []);
    let run = squash(&project, &["--yes"]);
    assert!(
        run.code == Some(0) && run.stdout.contains("2 old ones that were left are removed"),
        "{}",
        run.both()
    );
    assert_eq!(folders(&project), [NEW]);
    assert!(!project.path().join("prisma/.pgsteward-squash").exists());
    assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(0));
    // Who removes the new folder instead gets back what had left.
    for (name, sql) in &HISTORY[3..] {
        add(&project, name, sql);
    }
    for (name, sql) in &HISTORY[..3] {
        project.write(&format!("prisma/.pgsteward-squash/old/{name}/migration.sql"), sql);
    }
    std::fs::remove_dir_all(project.path().join("prisma/migrations").join(NEW)).unwrap();
    let run = squash(&project, &["--dry-run", "--to", HISTORY[4].0]);
    assert!(run.stdout.contains("put back after an interrupted squash"), "{}", run.both());
    assert_eq!(folders(&project), HISTORY.map(|(name, _)| name));
}

/// A real project's history, squashed twice, and its databases.
#[test]
fn a_real_history_and_a_squash_of_a_squash() {
    let corpus = std::env::var_os("PGSTEWARD_CORPUS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"),
        std::path::PathBuf::from,
    );
    let source = corpus.join("umami/prisma");
    let Some(server) = Server::start(17) else { return };
    if !source.is_dir() {
        eprintln!("not tested on umami: there is no {}", source.display());
        return;
    }
    let project = Project::new(&[]);
    copy(&source, &project.path().join("prisma"));
    project.commit_all();
    let (old, new) = (server.database(), server.database());
    assert_eq!(migrate(&project, &old, &["deploy"]).code, Some(0));
    let run = squash(&project, &["--to", "09_update_hostname_region", "--yes"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    project.commit_all();
    // Never told of the first one, the database knows what the second one joins.
    let run = squash(&project, &["--to", "19_add_session_replay", "--yes"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert_eq!(migrate(&project, &old, &["deploy"]).code, Some(0));
    assert_eq!(migrate(&project, &new, &["deploy"]).code, Some(0));
    assert_eq!(old.history().last().unwrap().name, "19_squashed_migrations");
    for sql in [
        "SELECT table_name, column_name, data_type, column_default FROM information_schema.columns WHERE \
         table_schema = 'public' AND table_name <> '_prisma_migrations' ORDER BY 1, ordinal_position",
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
        "SELECT user_id, username, password, role FROM \"user\"",
    ] {
        assert_eq!(old.rows(sql), new.rows(sql));
    }
    assert_eq!(migrate(&project, &old, &["status"]).code, Some(0));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
