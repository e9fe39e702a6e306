//! `migrate plan --safe` against a server: what is rewritten, what the folders lead to, what is refused.

use pgsteward_lab::{Lab, LabOptions};
use pgsteward_pg::LabSession;

use crate::support::{HEAD, Project, Run};

const INIT: &str = "CREATE TABLE \"Vendor\" (id SERIAL PRIMARY KEY, name TEXT NOT NULL);\n\
                    CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, note TEXT, total INTEGER NOT NULL DEFAULT 0, \
                    \"vendorId\" INTEGER);\nCREATE INDEX \"Order_total_idx\" ON \"Order\"(total DESC, id);\n";

const FIRST: &str = "20260101000000_init";
const NEXT: &str = "20260102000000_next";

pub(crate) struct Server {
    lab: Lab,
    runtime: tokio::runtime::Runtime,
    database: String,
}

impl Server {
    pub(crate) fn start(major: u32) -> Option<Server> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        match runtime.block_on(Lab::start(&LabOptions { major: Some(major), ..LabOptions::default() })) {
            Ok(lab) if lab.version().major() == major => {
                let database = runtime.block_on(lab.create_database()).unwrap().name().to_owned();
                Some(Server { lab, runtime, database })
            }
            Ok(lab) => {
                eprintln!("not tested on PostgreSQL {major}: there is only {}", lab.version());
                None
            }
            Err(error) => {
                eprintln!("not tested on PostgreSQL {major}: {error}; {}", error.hint());
                None
            }
        }
    }

    pub(crate) fn try_rows(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, String> {
        self.runtime.block_on(async {
            let session = LabSession::connect_socket(self.lab.folder(), 5432, "postgres", &self.database)
                .await
                .unwrap();
            let rows = session.rows(sql).await;
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
