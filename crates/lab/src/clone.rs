//! Databases of a lab: make, clone, drop, and sessions with them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pgsteward_model::migration::ServerError;
use pgsteward_pg::LabSession;

use crate::cluster::{Cluster, PORT};
use crate::error::LabError;
use crate::replay::adapt::Surroundings;
use crate::walls::{OWNER, SUPERUSER};

/// A database of a running lab. It is only a name: dropping the value does nothing, `Lab::drop_database`
/// removes the database, and the end of the lab removes all.
#[derive(Clone, Debug)]
pub struct Database {
    pub(crate) name: String,
    pub(crate) cluster: Arc<Cluster>,
}

impl Database {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where a client of this process's user finds the database, as its owner. SQL in the database cannot learn it.
    pub fn url(&self) -> String {
        let folder = self.cluster.folder.display().to_string().replace('/', "%2F");
        format!("postgresql://{OWNER}@localhost:{PORT}/{}?host={folder}", self.name)
    }

    /// A session as the owner: the role for repository SQL, without any right beyond this database.
    pub async fn session(&self) -> Result<LabSession, LabError> {
        connect(&self.cluster, OWNER, &self.name).await
    }

    /// A session as superuser, for the lab's own needs: event triggers, statistics. Text from a repository must
    /// never run in it. The owner can set defaults for the database, so the search path is fixed at once.
    pub(crate) async fn superuser_session(&self) -> Result<LabSession, LabError> {
        let session = connect(&self.cluster, SUPERUSER, &self.name).await?;
        session
            .simple("SET search_path = pg_catalog, pg_temp")
            .await
            .map_err(|error| LabError::server("open a session", error))?;
        Ok(session)
    }
}

/// Makes and removes databases from the maintenance database, where repository SQL never runs.
pub(crate) struct Databases {
    cluster: Arc<Cluster>,
    admin: tokio::sync::Mutex<LabSession>,
    next: AtomicU64,
    /// Databases that nobody needs any more, oldest first.
    finished: Mutex<VecDeque<Database>>,
}

/// So many finished databases stay (some 8 MB each) before the older half of them is removed. Removing one costs
/// more than it frees: right after files were removed ext4 searches long for room for new ones
/// (`recently_deleted` in fs/ext4/ialloc.c), so each drop makes the next clones slow.
const MOST_FINISHED: usize = 48;

impl Databases {
    pub(crate) async fn open(cluster: Arc<Cluster>) -> Result<Databases, LabError> {
        let admin = connect(&cluster, SUPERUSER, "postgres").await?;
        Ok(Databases {
            cluster,
            admin: tokio::sync::Mutex::new(admin),
            next: AtomicU64::new(1),
            finished: Mutex::default(),
        })
    }

    /// A database like `template`, whose sessions must be closed: PostgreSQL waits five seconds for them
    /// (`CountOtherDBBackends`) and then refuses.
    pub(crate) async fn create(&self, template: &str) -> Result<Database, LabError> {
        let name = format!("lab_{}", self.next.fetch_add(1, Ordering::Relaxed));
        // Copying files costs a checkpoint, which is cheap without fsync; writing every page to the log as well,
        // the default from 15 on, took a third longer.
        let strategy = if self.cluster.version.major() >= 15 { " STRATEGY file_copy" } else { "" };
        self.run(&format!("CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER}{strategy}"))
            .await
            .map_err(|error| self.explain("create a database", error))?;
        Ok(Database { name, cluster: self.cluster.clone() })
    }

    /// Lets a database go: with the lab, or sooner where many wait for it.
    pub(crate) async fn finish(&self, database: Database) -> Result<(), LabError> {
        let surplus: Vec<Database> = {
            let mut finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
            finished.push_back(database);
            let surplus = if finished.len() > MOST_FINISHED { MOST_FINISHED / 2 } else { 0 };
            finished.drain(..surplus).collect()
        };
        for database in &surplus {
            self.drop(database).await?;
        }
        Ok(())
    }

    /// Removes a database and ends its sessions.
    pub(crate) async fn drop(&self, database: &Database) -> Result<(), LabError> {
        let name = &database.name;
        if self.cluster.version.major() >= 13 {
            return self
                .run(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
                .await
                .map_err(|error| self.explain("drop a database", error));
        }
        self.run(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"))
            .await
            .map_err(|error| self.explain("end the sessions of a database", error))?;
        self.run(&format!("DROP DATABASE IF EXISTS {name}"))
            .await
            .map_err(|error| self.explain("drop a database", error))
    }

    /// Ends one session from outside; true where it was there.
    pub(crate) async fn terminate(&self, backend_pid: i32) -> Result<(), LabError> {
        self.run(&format!("SELECT pg_terminate_backend({backend_pid})"))
            .await
            .map_err(|error| self.explain("end a session", error))
    }

    pub(crate) async fn surroundings(&self) -> Result<Surroundings, LabError> {
        let admin = self.admin.lock().await;
        Surroundings::read(&admin).await.map_err(|error| self.explain("look for extensions", error))
    }

    async fn run(&self, sql: &str) -> Result<(), ServerError> {
        self.admin.lock().await.simple(sql).await
    }

    fn explain(&self, doing: &str, error: ServerError) -> LabError {
        if self.cluster.is_alive() { LabError::server(doing, error) } else { self.cluster.why_gone() }
    }
}

async fn connect(cluster: &Cluster, user: &str, database: &str) -> Result<LabSession, LabError> {
    LabSession::connect_socket(&cluster.folder, PORT, user, database).await.map_err(|error| {
        if cluster.is_alive() {
            let error = ServerError { message: error.to_string(), ..ServerError::default() };
            LabError::server("open a session", error)
        } else {
            cluster.why_gone()
        }
    })
}
