//! What the tests of `migrate` share: a server of their own with databases to write to, and projects with migrations.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use pgsteward_lab::Lab;
use pgsteward_pg::LabSession;
use serde_json::Value;

use crate::servers;
use crate::support::{HEAD, Project, Run};

/// The lab's superuser: a deploy may make databases, and a test may kill sessions.
pub(crate) const SUPERUSER: &str = "pgsteward";

static NEXT: AtomicU32 = AtomicU32::new(1);

pub(crate) struct Server {
    lab: Lab,
    pub(crate) runtime: tokio::runtime::Runtime,
}

impl Server {
    /// None, with the reason on stderr, where this machine has no such server.
    pub(crate) fn start(major: u32) -> Option<Server> {
        let (lab, runtime) = servers::start(major, &[])?;
        Some(Server { lab, runtime })
    }

    /// One that takes replicas. What it has committed survives its fall.
    pub(crate) fn that_may_be_copied(major: u32) -> Option<Server> {
        let settings = [("wal_level", "replica"), ("max_wal_senders", "4"), ("synchronous_commit", "on")];
        let (lab, runtime) = servers::start(major, &settings)?;
        Some(Server { lab, runtime })
    }

    /// An empty database and its URL.
    pub(crate) fn database(&self) -> Database<'_> {
        let database = self.absent(&format!("deploy_{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        self.absent("postgres").run(&format!("CREATE DATABASE {}", database.name));
        database
    }

    /// A database that is not there yet.
    pub(crate) fn absent(&self, name: &str) -> Database<'_> {
        Database { server: self, folder: self.folder().to_owned(), name: name.to_owned() }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.lab.folder()
    }
}

pub(crate) struct Database<'a> {
    pub(crate) server: &'a Server,
    /// Of the server's socket.
    pub(crate) folder: PathBuf,
    pub(crate) name: String,
}

/// A row of the history: name, finished, rolled back, logs, steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) finished: bool,
    pub(crate) rolled_back: bool,
    pub(crate) logs: Option<String>,
    pub(crate) steps: i32,
}

impl Database<'_> {
    pub(crate) fn url(&self) -> String {
        format!("postgresql://{SUPERUSER}@localhost/{}?host={}", self.name, self.folder.display())
    }

    pub(crate) async fn session(&self) -> LabSession {
        LabSession::connect_socket(&self.folder, 5432, SUPERUSER, &self.name).await.unwrap()
    }

    pub(crate) fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        self.server.runtime.block_on(async {
            let session = self.session().await;
            let rows = session.rows(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            session.close().await;
            rows
        })
    }

    pub(crate) fn run(&self, sql: &str) {
        self.rows(sql);
    }

    /// The first value, empty where there is none.
    pub(crate) fn value(&self, sql: &str) -> String {
        self.rows(sql).first().and_then(|row| row.first()?.clone()).unwrap_or_default()
    }

    pub(crate) fn history(&self) -> Vec<Row> {
        self.history_of("_prisma_migrations")
    }

    pub(crate) fn history_of(&self, table: &str) -> Vec<Row> {
        if self.value(&format!("SELECT to_regclass('{table}')")).is_empty() {
            return Vec::new();
        }
        let sql = format!(
            "SELECT migration_name, finished_at IS NOT NULL, rolled_back_at IS NOT NULL, logs, applied_steps_count \
             FROM {table} ORDER BY started_at, migration_name"
        );
        self.rows(&sql)
            .into_iter()
            .map(|row| Row {
                name: row[0].clone().unwrap(),
                finished: row[1].as_deref() == Some("t"),
                rolled_back: row[2].as_deref() == Some("t"),
                logs: row[3].clone(),
                steps: row[4].as_deref().unwrap().parse().unwrap(),
            })
            .collect()
    }

    /// Names of the user's tables and indexes, sorted.
    pub(crate) fn relations(&self) -> Vec<String> {
        let sql = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i') \
                   AND relname !~ '^(_prisma|pgsteward)_migrations' ORDER BY 1";
        self.rows(sql).into_iter().map(|row| row[0].clone().unwrap()).collect()
    }

    /// Waits until a query says `t`.
    pub(crate) fn wait_until(&self, sql: &str) {
        self.server.runtime.block_on(async {
            let session = self.session().await;
            let began = std::time::Instant::now();
            loop {
                let rows = session.rows(sql).await.unwrap();
                if rows.first().and_then(|row| row.first()?.as_deref()) == Some("t") {
                    break;
                }
                assert!(began.elapsed().as_secs() < 60, "{sql}: it never came");
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            session.close().await;
        });
    }
}

/// A Prisma project with these migrations and an empty schema.
pub(crate) fn project(migrations: &[(&str, &str)]) -> Project {
    let project = Project::new(&[("prisma/schema.prisma", HEAD)]);
    for (name, sql) in migrations {
        add(&project, name, sql);
    }
    project
}

pub(crate) fn add(project: &Project, name: &str, sql: &str) {
    project.write(&format!("prisma/migrations/{name}/migration.sql"), sql);
}

/// `migrate VERB` on a database, which only the environment names.
pub(crate) fn migrate(project: &Project, database: &Database<'_>, arguments: &[&str]) -> Run {
    project.run_with(&[&["migrate"], arguments].concat(), &[("DATABASE_URL", &database.url())])
}

/// `migrate deploy --format json`, and the report.
pub(crate) fn deploy_json(project: &Project, database: &Database<'_>, arguments: &[&str]) -> (Run, Value) {
    let run = migrate(project, database, &[&["deploy", "--format", "json"], arguments].concat());
    let json = run.json();
    (run, json)
}

/// `migrate deploy` that runs on while the test does something.
pub(crate) fn spawn_deploy(project: &Project, database: &Database<'_>, arguments: &[&str]) -> Child {
    let mut command = project.command(&[&["migrate", "deploy"], arguments].concat());
    command.env("DATABASE_URL", database.url()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

pub(crate) fn done(name: &str) -> Row {
    Row { name: name.to_owned(), finished: true, rolled_back: false, logs: None, steps: 1 }
}
