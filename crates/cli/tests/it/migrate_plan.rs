//! `migrate plan --safe` against a server: what is rewritten, what the folders lead to, what is refused.

use pgsteward_lab::Lab;
use pgsteward_pg::LabSession;

use crate::servers;
use crate::support::{HEAD, Project, Run};

const INIT: &str = "CREATE TABLE \"Vendor\" (id SERIAL PRIMARY KEY, name TEXT NOT NULL);\n\
                    CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, note TEXT, total INTEGER NOT NULL DEFAULT 0, \
                    \"vendorId\" INTEGER);\nCREATE INDEX \"Order_total_idx\" ON \"Order\"(total DESC, id);\n";

const FIRST: &str = "20260101000000_init";
pub(crate) const NEXT: &str = "20260102000000_next";

pub(crate) struct Server {
    lab: Lab,
    pub(crate) runtime: tokio::runtime::Runtime,
    database: String,
}

impl Server {
    pub(crate) fn start(major: u32) -> Option<Server> {
        Server::start_with(major, &[])
    }

    pub(crate) fn start_with(major: u32, settings: &[(&str, &str)]) -> Option<Server> {
        let (lab, runtime) = servers::start(major, settings)?;
        let database = runtime.block_on(lab.create_database()).unwrap().name().to_owned();
        Some(Server { lab, runtime, database })
    }

    /// A session that stays open until it is dropped.
    pub(crate) fn session(&self) -> LabSession {
        self.session_as("postgres")
    }

    pub(crate) fn session_as(&self, role: &str) -> LabSession {
        let connect = LabSession::connect_socket(self.lab.folder(), 5432, role, &self.database);
        self.runtime.block_on(connect).unwrap()
    }

    pub(crate) fn in_session(&self, session: &LabSession, sql: &str) {
        self.runtime.block_on(session.simple(sql)).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    pub(crate) fn try_rows(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, String> {
        self.rows_as("postgres", sql)
    }

    /// Ends every session of a verb that writes, as a server that goes down does.
    pub(crate) fn end_sessions(&self) {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgsteward migrate'";
        self.as_superuser(sql);
    }

    pub(crate) fn as_superuser(&self, sql: &str) {
        self.rows_as("pgsteward", sql).unwrap();
    }

    pub(crate) fn rows_as(&self, user: &str, sql: &str) -> Result<Vec<Vec<Option<String>>>, String> {
        self.runtime.block_on(async {
            let session =
                LabSession::connect_socket(self.lab.folder(), 5432, user, &self.database).await.unwrap();
            let rows = session.rows(sql).await;
            if rows.is_ok() {
                // Deploy looks at the last statement of each session, and the server may take a moment to end this one.
                session.rows("SELECT 1").await.unwrap();
            }
            session.close().await;
            rows.map_err(|error| format!("{sql}: {}", error.message))
        })
    }

    pub(crate) fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        self.try_rows(sql).unwrap()
    }

    pub(crate) fn value(&self, sql: &str) -> String {
        self.rows(sql)[0][0].clone().unwrap_or_default()
    }

    pub(crate) fn value_as(&self, role: &str, sql: &str) -> String {
        self.rows_as(role, sql).unwrap()[0][0].clone().unwrap_or_default()
    }

    pub(crate) fn url(&self) -> String {
        format!("postgresql://postgres@localhost/{}?host={}", self.database, self.lab.folder().display())
    }

    pub(crate) fn run(&self, project: &Project, arguments: &[&str]) -> Run {
        project.run_with(arguments, &[("DATABASE_URL", &self.url())])
    }
}

pub(crate) fn project(migrations: &[(&str, &str)]) -> Project {
    let project = Project::new(&[("prisma/schema.prisma", HEAD)]);
    for (name, text) in migrations {
        project.write(&format!("prisma/migrations/{name}/migration.sql"), text);
    }
    project.write("prisma/migrations/migration_lock.toml", "provider = \"postgresql\"\n");
    project
}

/// Names of the migration folders, in the order in which they run.
pub(crate) fn folders(project: &Project) -> Vec<String> {
    let entries = std::fs::read_dir(project.path().join("prisma/migrations")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "migration_lock.toml")
        .collect();
    names.sort();
    names
}

fn folder(project: &Project, name: &str, file: &str) -> String {
    project.read(&format!("prisma/migrations/{name}/{file}"))
}

#[test]
fn hazards_become_folders_that_stop_nobody() {
    let hazards = "-- CreateTable\nCREATE TABLE \"Tag\" (id INTEGER PRIMARY KEY);\n\n\
                   -- CreateIndex\nCREATE INDEX \"Order_note_idx\" ON \"Order\"(note);\n\n\
                   -- AlterTable\nALTER TABLE \"Order\" ALTER COLUMN note SET NOT NULL;\n\n\
                   -- CreateIndex\nCREATE UNIQUE INDEX \"Vendor_name_key\" ON \"Vendor\"(name);\n\n\
                   -- AddForeignKey\nALTER TABLE \"Order\" ADD CONSTRAINT \"Order_vendorId_fkey\" FOREIGN KEY (\"vendorId\") \
                   REFERENCES \"Vendor\"(id) ON DELETE SET NULL ON UPDATE CASCADE;\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, INIT), (NEXT, hazards)]);
        let shown = server.run(&project, &["migrate", "plan", "--safe", NEXT]);
        assert_eq!(shown.code, Some(0), "{}", shown.both());
        assert!(
            shown.stdout.contains("proven") && shown.stdout.contains("+++ b/prisma/migrations/"),
            "{}",
            shown.stdout
        );
        assert_eq!(folders(&project).len(), 2, "a dry run writes nothing");

        let written =
            server.run(&project, &["migrate", "plan", "--safe", "--write", "--format", "json", NEXT]);
        assert_eq!(written.code, Some(0), "{}", written.both());
        let json = written.json();
        assert_eq!(json["migrations"][0]["verdict"]["verdict"], "proven");
        let names = folders(&project);
        assert!(names.len() > 7, "{names:?}");
        let texts: Vec<String> = names.iter().map(|name| folder(&project, name, "migration.sql")).collect();
        for text in texts.iter().filter(|text| text.contains("CONCURRENTLY")) {
            assert_eq!(text.matches(';').count(), 1, "alone in its file: {text}");
        }
        let all = texts.join("\n");
        for part in [
            "INDEX CONCURRENTLY \"Order_note_idx\"",
            "UNIQUE INDEX CONCURRENTLY",
            "NOT VALID",
            "VALIDATE CONSTRAINT",
        ] {
            assert!(all.contains(part), "{part}: {all}");
        }
        let deployed = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(deployed.code, Some(0), "{}", deployed.both());
        assert_eq!(server.value("SELECT count(*) FROM pg_constraint WHERE NOT convalidated"), "0");
        assert_eq!(
            server.value("SELECT is_nullable FROM information_schema.columns WHERE column_name = 'note'"),
            "NO"
        );

        // Applied text is history.
        let refused = server.run(&project, &["migrate", "plan", "--safe", "--write", NEXT]);
        assert_eq!(refused.code, Some(1), "{}", refused.both());
        assert!(refused.stdout.contains("the database has applied it"), "{}", refused.stdout);
        assert_eq!(folders(&project), names);
        let nothing = server.run(&project, &["migrate", "plan", "--safe"]);
        assert_eq!(nothing.code, Some(0), "{}", nothing.both());
        assert!(nothing.stdout.contains("No migration is pending"), "{}", nothing.stdout);

        // Each folder came with what undoes it.
        if major != 17 {
            continue;
        }
        let downs = &json["migrations"][0]["folders"];
        assert!(downs.as_array().unwrap().iter().all(|one| one["down"] == "proven"), "{downs:#}");
        let steps = (names.len() - 1).to_string();
        let undone = server.run(&project, &["migrate", "rollback", "--steps", &steps]);
        assert_eq!(undone.code, Some(0), "{}", undone.both());
        assert_eq!(
            server.value("SELECT is_nullable FROM information_schema.columns WHERE column_name = 'note'"),
            "YES"
        );
        assert_eq!(server.value("SELECT to_regclass('\"Tag\"') IS NULL"), "t");
    }
}

#[test]
fn what_cannot_be_planned_says_why_and_writes_nothing() {
    let Some(server) = Server::start(17) else { return };
    let index = "CREATE INDEX \"Order_note_idx\" ON \"Order\"(note);\n";
    let between = project(&[
        (FIRST, INIT),
        (NEXT, &format!("{index}CREATE INDEX i ON \"Order\"(id);\n")),
        ("20260102000000_next_01", "SELECT 1;\n"),
    ]);
    let run = server.run(&between, &["migrate", "plan", "--safe", "--write", NEXT]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    assert!(run.stdout.contains("\"20260102000000_next_01\" would run between"), "{}", run.stdout);
    assert_eq!(folders(&between).len(), 3);

    let broken = project(&[(FIRST, INIT), (NEXT, "CREATE INDEX \"Order_x_idx\" ON \"Order\"(x);\n")]);
    let run = server.run(&broken, &["migrate", "plan", "--safe", "--write", NEXT]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    assert!(run.stdout.contains("the migration itself fails in the lab"), "{}", run.stdout);

    // What no plan helps is said, and stays.
    let trigger = "CREATE FUNCTION trim_note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.note := trim(NEW.note); RETURN NEW; END';\n\
                   CREATE TRIGGER trimmed BEFORE INSERT ON \"Order\" FOR EACH ROW EXECUTE FUNCTION trim_note();\n";
    let rename = "ALTER TABLE \"Order\" RENAME COLUMN note TO remark;\n";
    let key = project(&[(FIRST, &format!("{INIT}{trigger}")), (NEXT, rename)]);
    let run = server.run(&key, &["migrate", "plan", "--safe", "--write", NEXT]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(
        run.stdout.contains(
            "Order.note is left as it is written: the trigger \"trimmed\" of the table may write it"
        ),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("remains: renaming \"Order.note\" to \"remark\""), "{}", run.stdout);
    assert_eq!(folders(&key).len(), 2);

    // Without a database nobody knows what is applied.
    let run = broken.run(&["migrate", "plan", "--safe", "--write", NEXT]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    assert!(run.stderr.contains("DATABASE_URL"), "{}", run.stderr);
    let run = broken.run(&["migrate", "plan", "--safe", "20270101000000_none"]);
    assert!(
        run.code == Some(1) && run.stderr.contains("no migration \"20270101000000_none\""),
        "{}",
        run.both()
    );
    let run = broken.run(&["migrate", "plan"]);
    assert_eq!(run.code, Some(2), "{}", run.both());
}

/// Runs the folders one after the other, as they would be deployed, each backfill before its folder; after each,
/// and once before the first, `clients` is called with the number of folders that are there.
pub(crate) fn deployed_one_by_one(server: &Server, project: &Project, clients: &mut dyn FnMut(&str)) {
    let next: Vec<String> = folders(project).into_iter().filter(|name| name != FIRST).collect();
    let aside = tempfile::tempdir().unwrap();
    let at = |name: &str| project.path().join("prisma/migrations").join(name);
    for name in &next {
        std::fs::rename(at(name), aside.path().join(name)).unwrap();
    }
    for name in &next {
        std::fs::rename(aside.path().join(name), at(name)).unwrap();
        if at(name).join("backfill.sql").is_file() {
            let run =
                server.run(project, &["migrate", "backfill", name, "--batch-size", "7", "--pause", "0"]);
            assert_eq!(run.code, Some(0), "{name}: {}", run.both());
        }
        let run = server.run(project, &["migrate", "deploy"]);
        assert_eq!(run.code, Some(0), "{name}: {}", run.both());
        clients(name);
    }
}

#[test]
fn a_renamed_column_serves_both_versions_of_the_application() {
    let rename = "ALTER TABLE \"Order\" RENAME COLUMN total TO amount;\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server
            .rows("INSERT INTO \"Order\" (note, total) SELECT 'row ' || n, n FROM generate_series(1, 50) n");
        project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), rename);
        let plan = server.run(&project, &["migrate", "plan", "--safe", "--write"]);
        assert_eq!(plan.code, Some(0), "{}", plan.both());
        assert!(
            plan.stdout.contains("no running version of the application names \"total\""),
            "{}",
            plan.stdout
        );
        let last = folders(&project).pop().unwrap();
        let mut number = 1000;
        let mut wrote: Vec<(i64, i64)> = Vec::new();
        deployed_one_by_one(&server, &project, &mut |name| {
            // The new version writes and reads its column at every stage.
            number += 1;
            let id = server.value(&format!("INSERT INTO \"Order\" (amount) VALUES ({number}) RETURNING id"));
            wrote.push((id.parse().unwrap(), number));
            let (old, value) = wrote[0];
            number += 1;
            server.rows(&format!("UPDATE \"Order\" SET amount = {number} WHERE id = {old}"));
            assert_ne!(value, number);
            wrote[0].1 = number;
            if name != last {
                // So does the old one with its own, and each sees what the other wrote.
                number += 1;
                let id =
                    server.value(&format!("INSERT INTO \"Order\" (total) VALUES ({number}) RETURNING id"));
                wrote.push((id.parse().unwrap(), number));
                let id = server.value("INSERT INTO \"Order\" (note) VALUES ('default') RETURNING id");
                wrote.push((id.parse().unwrap(), 0));
                number += 1;
                let third = wrote[1].0;
                server.rows(&format!("UPDATE \"Order\" SET total = {number} WHERE id = {third}"));
                wrote[1].1 = number;
                for (id, value) in &wrote {
                    let both = server.rows(&format!("SELECT total, amount FROM \"Order\" WHERE id = {id}"));
                    let value = Some(value.to_string());
                    assert_eq!(both, [[value.clone(), value]], "row {id} after {name}");
                }
            }
        });
        for (id, value) in &wrote {
            assert_eq!(
                server.value(&format!("SELECT amount FROM \"Order\" WHERE id = {id}")),
                value.to_string()
            );
        }
        assert_eq!(server.value("SELECT count(*) FROM \"Order\" WHERE note = 'row ' || amount"), "50");
        assert_eq!(
            server.value("SELECT count(*) FROM information_schema.columns WHERE column_name = 'total'"),
            "0"
        );
        let index = "SELECT indexdef FROM pg_indexes WHERE indexname = 'Order_total_idx'";
        assert!(server.value(index).contains("(amount DESC, id)"), "{}", server.value(index));
        let id = server.value("INSERT INTO \"Order\" (note) VALUES ('last') RETURNING id");
        assert_eq!(
            server.value(&format!("SELECT amount FROM \"Order\" WHERE id = {id}")),
            "0",
            "the default stays"
        );
    }
}

#[test]
fn a_column_of_another_type_serves_both_versions_of_the_application() {
    let change = "-- AlterTable\nALTER TABLE \"Order\" ALTER COLUMN \"total\" SET DATA TYPE BIGINT,\nADD COLUMN \"extra\" TEXT;\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server
            .rows("INSERT INTO \"Order\" (note, total) SELECT 'row ' || n, n FROM generate_series(1, 50) n");
        project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), change);
        let plan = server.run(&project, &["migrate", "plan", "--safe", "--write", "--format", "json"]);
        assert_eq!(plan.code, Some(0), "{}", plan.both());
        let locks = plan.json()["migrations"][0]["folders"].as_array().unwrap().clone();
        assert!(locks.len() >= 7, "{locks:?}");
        let mut number = 1000;
        deployed_one_by_one(&server, &project, &mut |name| {
            // Both versions name the column alike: one takes it for an integer, one for a bigint.
            for cast in ["integer", "bigint"] {
                number += 1;
                let id = server
                    .value(&format!("INSERT INTO \"Order\" (total) VALUES ({number}::{cast}) RETURNING id"));
                number += 1;
                server.rows(&format!("UPDATE \"Order\" SET total = {number}::{cast} WHERE id = {id}"));
                let read = server.value(&format!("SELECT total::{cast} FROM \"Order\" WHERE id = {id}"));
                assert_eq!(read, number.to_string(), "{name}, {cast}");
            }
        });
        assert_eq!(server.value("SELECT count(*) FROM \"Order\" WHERE note = 'row ' || total"), "50");
        let ty = "SELECT data_type || ' ' || is_nullable || ' ' || column_default FROM information_schema.columns \
                  WHERE table_name = 'Order' AND column_name = 'total'";
        assert_eq!(server.value(ty), "bigint NO 0");
        assert_eq!(
            server.value("SELECT count(*) FROM information_schema.columns WHERE table_name = 'Order'"),
            "5"
        );
        assert_eq!(server.value("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"), "0");
    }
}

#[test]
fn drops_wait_in_folders_of_their_own() {
    let drops = "-- AlterTable\nALTER TABLE \"Vendor\" DROP COLUMN \"name\",\nADD COLUMN \"title\" TEXT;\n\n\
                 -- CreateIndex\nCREATE INDEX \"Order_note_idx\" ON \"Order\"(note);\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), drops);
        let plan = server.run(&project, &["migrate", "plan", "--safe", "--write"]);
        assert_eq!(plan.code, Some(0), "{}", plan.both());
        let names = folders(&project);
        let last = names.last().unwrap();
        assert!(last.ends_with("_drop_name"), "{names:?}");
        let text = folder(&project, last, "migration.sql");
        assert!(
            text.contains("no running version of the application names \"name\" of \"Vendor\""),
            "{text}"
        );
        let mut at = 0;
        deployed_one_by_one(&server, &project, &mut |name| {
            at += 1;
            // The new version, which knows the column no more, writes from the first folder on.
            server.rows("INSERT INTO \"Vendor\" DEFAULT VALUES");
            let old =
                server.try_rows("INSERT INTO \"Vendor\" (name) VALUES ('old'); SELECT name FROM \"Vendor\"");
            assert_eq!(old.is_ok(), name != last, "the old one until the drop: {name}");
        });
        assert!(at >= 4, "{names:?}");
    }
}

#[test]
fn an_enum_without_one_of_its_values_serves_both_versions() {
    let init = "CREATE TYPE \"Role\" AS ENUM ('USER', 'ADMIN', 'GUEST');\n\
                CREATE TABLE \"Person\" (id SERIAL PRIMARY KEY, role \"Role\" NOT NULL DEFAULT 'USER');\n\
                CREATE INDEX \"Person_role_idx\" ON \"Person\"(role);\n";
    let anew = "-- AlterEnum\nBEGIN;\nCREATE TYPE \"Role_new\" AS ENUM ('USER', 'ADMIN');\n\
                ALTER TABLE \"public\".\"Person\" ALTER COLUMN \"role\" DROP DEFAULT;\n\
                ALTER TABLE \"Person\" ALTER COLUMN \"role\" TYPE \"Role_new\" USING (\"role\"::text::\"Role_new\");\n\
                ALTER TYPE \"Role\" RENAME TO \"Role_old\";\nALTER TYPE \"Role_new\" RENAME TO \"Role\";\n\
                DROP TYPE \"public\".\"Role_old\";\n\
                ALTER TABLE \"Person\" ALTER COLUMN \"role\" SET DEFAULT 'USER';\nCOMMIT;\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"Person\" (role) SELECT 'ADMIN' FROM generate_series(1, 40)");
        project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), anew);
        let plan = server.run(&project, &["migrate", "plan", "--safe", "--write"]);
        assert_eq!(plan.code, Some(0), "{}", plan.both());
        assert!(folders(&project).len() > 5, "{}", plan.stdout);
        let mut stages = 0;
        deployed_one_by_one(&server, &project, &mut |name| {
            stages += 1;
            let id = server.value("INSERT INTO \"Person\" DEFAULT VALUES RETURNING id");
            assert_eq!(
                server.value(&format!("SELECT role FROM \"Person\" WHERE id = {id}")),
                "USER",
                "{name}"
            );
            server.rows(&format!("UPDATE \"Person\" SET role = 'ADMIN'::\"Role\" WHERE id = {id}"));
        });
        assert_eq!(
            server.value("SELECT count(*) FROM \"Person\" WHERE role = 'ADMIN'"),
            (40 + stages).to_string()
        );
        assert_eq!(
            server.value("SELECT array_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum"),
            "{USER,ADMIN}"
        );
    }
}
