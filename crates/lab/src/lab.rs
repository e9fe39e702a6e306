//! One lab: a running server with the limits it lives under.

use std::path::Path;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use pgsteward_model::migration::ServerError;
use pgsteward_model::version::ServerVersion;
use tokio::sync::OnceCell;

use crate::binaries::{self, Wanted};
use crate::cleanup;
use crate::clone::{Database, Databases};
use crate::cluster::{Cluster, lock};
use crate::error::LabError;
use crate::files::Cache;
use crate::privileges::RunAs;
use crate::replay::adapt::Surroundings;
use crate::watchdog::{TimeLimit, Watchdog};

/// The major version of a lab where nobody named one.
const DEFAULT_MAJOR: u32 = 17;

/// SQLSTATE `disk_full`.
const DISK_FULL: &str = "53100";

/// Told in one line what takes long.
pub type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// How a lab is made. `Default` is what `check` uses without configuration.
#[derive(Clone)]
pub struct LabOptions {
    /// The wanted major version: the live server's, else the configured one. None: 17.
    pub major: Option<u32>,
    /// Never download anything.
    pub offline: bool,
    /// Told in one line what takes long (a download, the first preparation).
    pub progress: Option<Progress>,
    /// The server is ended once its data takes more disk than this.
    pub disk_limit_bytes: u64,
    /// How much address space one server process may have (Linux only; elsewhere the machine's limits count).
    pub memory_limit_bytes: u64,
    /// How long one replay may take; the session is ended then, and the server if that does not help.
    pub time_limit: Duration,
    /// Settings of the server, in force behind the lab's own: for what must cost what it costs elsewhere. The
    /// caller answers for the names; values are quoted.
    pub settings: Vec<(String, String)>,
}

impl Default for LabOptions {
    fn default() -> LabOptions {
        LabOptions {
            major: None,
            offline: false,
            progress: None,
            disk_limit_bytes: 4 << 30,
            memory_limit_bytes: 4 << 30,
            time_limit: Duration::from_secs(120),
            settings: Vec::new(),
        }
    }
}

/// A running lab server. Dropping it ends the server and removes everything it wrote.
pub struct Lab {
    pub(crate) databases: Databases,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) watchdog: Watchdog,
    pub(crate) time_limit: Duration,
    note: Option<String>,
    surroundings: OnceCell<Surroundings>,
}

impl Lab {
    /// Finds or fetches binaries, starts a server and waits until it accepts sessions. Removes first what
    /// labs without a living owner left behind.
    pub async fn start(options: &LabOptions) -> Result<Lab, LabError> {
        let wanted = options.clone();
        let (cluster, note) = tokio::task::spawn_blocking(move || start_server(&wanted))
            .await
            .map_err(|error| LabError::Task(error.to_string()))??;
        let watchdog = Watchdog::watch(&cluster, options.disk_limit_bytes)
            .map_err(|error| LabError::Task(error.to_string()))?;
        let databases = Databases::open(cluster.clone()).await?;
        Ok(Lab {
            databases,
            cluster,
            watchdog,
            time_limit: options.time_limit,
            note,
            surroundings: OnceCell::new(),
        })
    }

    pub fn version(&self) -> ServerVersion {
        self.cluster.version
    }

    /// What the user should be told: another major than the wanted one, a cache that could not be used.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// The private folder of the server: its data, socket and log. It goes with the lab.
    pub fn folder(&self) -> &Path {
        &self.cluster.folder
    }

    /// The server is ended `limit` from now, and with some grace, unless the value is dropped before: for callers that
    /// send text of a repository through sessions of their own.
    pub fn bound(&self, limit: Duration) -> Bound {
        Bound { _limit: self.watchdog.limit(limit) }
    }

    /// What is wrong with the lab itself where the server is gone.
    pub fn gone(&self) -> Option<LabError> {
        (!self.cluster.is_alive()).then(|| self.cluster.why_gone())
    }

    /// What is wrong with the lab or its machine where that is why a session got this error: the server is gone, or its
    /// disk is full. None for an answer to the SQL.
    pub fn failure(&self, error: &ServerError) -> Option<LabError> {
        // A server that cannot write its log crashes.
        let session_ended = error.sqlstate.starts_with("08");
        if session_ended {
            self.cluster.settle();
        }
        let full = error.sqlstate == DISK_FULL || (session_ended && self.cluster.saw_a_full_disk());
        self.gone().or_else(|| full.then(|| self.cluster.disk_full()))
    }

    /// What there is around a replay. The server looks through all of its extensions' files for it, and once is enough.
    pub(crate) async fn surroundings(&self) -> Result<Surroundings, LabError> {
        self.surroundings.get_or_try_init(|| self.databases.surroundings()).await.cloned()
    }

    /// An empty database, owned by [`crate::OWNER`].
    pub async fn create_database(&self) -> Result<Database, LabError> {
        self.databases.create("template1").await
    }

    /// A copy of a database. All sessions with the source must be closed.
    pub async fn clone_database(&self, source: &Database) -> Result<Database, LabError> {
        self.databases.create(&source.name).await
    }

    /// Says that a database is needed no more; its sessions must be closed. It goes with the lab, or sooner
    /// where many wait for it. Cheaper than [`Lab::drop_database`].
    pub async fn finish_database(&self, database: Database) -> Result<(), LabError> {
        self.databases.finish(database).await
    }

    /// Removes a database and ends its sessions.
    pub async fn drop_database(&self, database: Database) -> Result<(), LabError> {
        self.databases.drop(&database).await
    }

    /// Ends the server and removes its folder; as dropping does, but errors can be seen and the runtime is not
    /// held up.
    pub async fn stop(self) -> Result<(), LabError> {
        let cluster = self.cluster.clone();
        drop(self);
        tokio::task::spawn_blocking(move || cluster.shut_down())
            .await
            .map_err(|error| LabError::Task(error.to_string()))?
    }
}

/// See [`Lab::bound`].
#[derive(Debug)]
pub struct Bound {
    _limit: TimeLimit,
}

fn start_server(options: &LabOptions) -> Result<(Arc<Cluster>, Option<String>), LabError> {
    let quiet: Progress = Arc::new(|_| {});
    let progress = options.progress.clone().unwrap_or(quiet);
    let run_as = RunAs::choose()?;
    let cache = Cache::open(run_as)?;
    cleanup::sweep(&cache)?;
    let wanted = Wanted {
        major: options.major.unwrap_or(DEFAULT_MAJOR),
        offline: options.offline,
        progress: progress.as_ref(),
    };
    let binaries = binaries::choose(&wanted, &cache, run_as)?;
    let notes: Vec<String> = [binaries.note.clone(), cache.note.clone()].into_iter().flatten().collect();
    let cluster = Arc::new(Cluster::start(&binaries, cache, run_as, options, progress.as_ref())?);
    let mut running = lock(&RUNNING);
    running.retain(|known| known.strong_count() > 0);
    running.push(Arc::downgrade(&cluster));
    Ok((cluster, (!notes.is_empty()).then(|| notes.join("; "))))
}

static RUNNING: Mutex<Vec<Weak<Cluster>>> = Mutex::new(Vec::new());

/// Ends every lab of this process and removes its folder: for the task that handles Ctrl-C, since a process
/// that is ended by a signal drops nothing. Blocks for some milliseconds.
pub fn stop_all() {
    let running: Vec<Arc<Cluster>> = lock(&RUNNING).drain(..).filter_map(|known| known.upgrade()).collect();
    for cluster in running {
        // What cannot be removed stays registered and is removed by the next start.
        drop(cluster.shut_down());
    }
}
