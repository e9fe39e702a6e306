//! A development server that stays: one for each project, of production's major version, on a port of this machine.
//!
//! It is the opposite of a [`Lab`](crate::Lab) in all but its binaries: its data outlives the process that started it
//! and the machine's next start, it is durable, it is reached over TCP with a password, and no clean-up ever looks at
//! it. What runs in it is the user's own work, so there are no walls; only the role that clients use is no superuser.

mod place;
mod process;
mod snapshot;

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use pgsteward_model::migration::ServerError;
use pgsteward_pg::LabSession;
use serde::{Deserialize, Serialize};

use crate::binaries::{self, Binaries, Wanted};
use crate::error::LabError;
use crate::files::{Cache, FileLock, make_folder, remove};
use crate::lab::Progress;
use crate::privileges::RunAs;
use crate::{template, walls};

pub use snapshot::{PREVIOUS, Snapshot};

/// The role that clients use: it owns the database and may make others (Prisma's shadow database), no more.
const ROLE: &str = "postgres";
/// The database of the project.
pub const DATABASE: &str = "dev";

/// Which server is wanted.
#[derive(Clone)]
pub struct ServerOptions {
    /// Folder of the project, canonical: it names the server.
    pub project: PathBuf,
    pub major: u32,
    pub offline: bool,
    /// Names of extensions to make in the database.
    pub extensions: Vec<String>,
    pub progress: Option<Progress>,
}

/// What is kept of a server, beside its data. The file is readable for its owner alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    version: u32,
    project: PathBuf,
    major: u32,
    port: u16,
    password: String,
    /// The git branch that the database belongs to.
    branch: Option<String>,
}

/// The development server of a project, running.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    kept: Kept,
    binaries: Binaries,
    /// Nobody else starts, stops or swaps databases meanwhile.
    _lock: FileLock,
}

/// How a server came up.
#[derive(Debug)]
pub struct Up {
    pub server: Server,
    /// It was made by this call.
    pub created: bool,
    /// It ran already.
    pub was_running: bool,
    pub notes: Vec<String>,
}

/// What `down` found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Down {
    pub was_there: bool,
    pub was_running: bool,
    pub removed: bool,
}

impl Server {
    /// Makes the server where there is none, starts it where it is down, and leaves it as it is where it runs.
    pub async fn up(options: &ServerOptions) -> Result<Up, LabError> {
        let wanted = options.clone();
        let prepared = on_thread(move || prepare(&wanted)).await?;
        let Prepared { server, created, was_running, mut notes } = prepared;
        let admin = server.admin("postgres").await?;
        let set_up = server.set_up(&admin, options, &mut notes).await;
        admin.close().await;
        set_up?;
        Ok(Up { server, created, was_running, notes })
    }

    /// The server of the project, if it is there and runs.
    pub async fn running(project: &Path, offline: bool) -> Result<Server, LabError> {
        let project = project.to_path_buf();
        on_thread(move || {
            let run_as = RunAs::choose()?;
            let folder = place::folder(&project, run_as)?;
            let Some(kept) = read(&folder, &project)? else { return Err(LabError::NoServer { project }) };
            let lock = FileLock::wait(&folder.join("lock"))?;
            if !process::runs(&folder.join("data")) {
                return Err(LabError::ServerDown { project });
            }
            let binaries = choose(kept.major, offline, run_as, &|_| {})?;
            Ok(Server { folder, kept, binaries, _lock: lock })
        })
        .await
    }

    /// Stops the server; with `remove` its data and snapshots go too.
    pub async fn down(project: &Path, remove_data: bool) -> Result<Down, LabError> {
        let project = project.to_path_buf();
        on_thread(move || {
            let folder = place::folder(&project, RunAs::choose()?)?;
            let Some(_kept) = read(&folder, &project)? else {
                return Ok(Down { was_there: false, was_running: false, removed: false });
            };
            let _lock = FileLock::wait(&folder.join("lock"))?;
            let was_running = process::stop(&folder.join("data"))?;
            if remove_data {
                remove(&folder)?;
            }
            Ok(Down { was_there: true, was_running, removed: remove_data })
        })
        .await
    }

    /// What `DATABASE_URL` should be. It holds the password.
    pub fn url(&self) -> String {
        let Kept { port, password, .. } = &self.kept;
        format!("postgresql://{ROLE}:{password}@127.0.0.1:{port}/{DATABASE}?schema=public")
    }

    pub fn port(&self) -> u16 {
        self.kept.port
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn version(&self) -> pgsteward_model::version::ServerVersion {
        self.binaries.version
    }

    /// The git branch that the database belongs to, where one was ever named.
    pub fn branch(&self) -> Option<&str> {
        self.kept.branch.as_deref()
    }

    /// Says to which branch the database belongs from now on.
    pub fn set_branch(&mut self, branch: Option<&str>) -> Result<(), LabError> {
        self.kept.branch = branch.map(str::to_owned);
        write(&self.folder, &self.kept)
    }

    /// `psql` and the arguments that lead it to the database; none where this machine has no psql. It goes through
    /// the private socket, so no password is on its command line.
    pub fn psql(&self) -> Option<(PathBuf, Vec<String>)> {
        let beside = self.binaries.program("psql");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let program = std::iter::once(beside)
            .chain(std::env::split_paths(&path).map(|folder| folder.join("psql")))
            .find(|program| program.is_file())?;
        let socket = self.folder.join("socket").display().to_string();
        let port = self.kept.port.to_string();
        let arguments = ["-h", &socket, "-p", &port, "-U", ROLE, "-d", DATABASE];
        Some((program, arguments.map(str::to_owned).to_vec()))
    }

    async fn admin(&self, database: &str) -> Result<LabSession, LabError> {
        let socket = self.folder.join("socket");
        LabSession::connect_socket(&socket, self.kept.port, walls::SUPERUSER, database).await.map_err(
            |error| {
                let error = ServerError { message: error.to_string(), ..ServerError::default() };
                LabError::server("open a session with the development server", error)
            },
        )
    }

    /// Role, database and extensions. Everything may be there already.
    async fn set_up(
        &self,
        admin: &LabSession,
        options: &ServerOptions,
        notes: &mut Vec<String>,
    ) -> Result<(), LabError> {
        let failed = |error: ServerError| LabError::server("set up the development server", error);
        let role = format!("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = '{ROLE}'");
        if admin.rows(&role).await.map_err(failed)?.is_empty() {
            // Before 16 who may create roles may also make itself a member of those that run programs.
            let roles = if self.version().major() >= 16 { " CREATEROLE" } else { "" };
            admin.simple(&format!("CREATE ROLE {ROLE} LOGIN CREATEDB{roles}")).await.map_err(failed)?;
        }
        let password = pgsteward_sql::quote_literal(&self.kept.password);
        admin.simple(&format!("ALTER ROLE {ROLE} PASSWORD {password}")).await.map_err(failed)?;
        self.mend(admin).await?;
        let session = self.admin(DATABASE).await?;
        for name in &options.extensions {
            if !walls::EXTENSIONS.contains(&name.as_str()) {
                notes.push(format!("the extension \"{name}\" is not one that pgsteward makes on its own"));
                continue;
            }
            let sql = format!("CREATE EXTENSION IF NOT EXISTS {} CASCADE", pgsteward_sql::quote_ident(name));
            if let Err(error) = session.simple(&sql).await {
                notes.push(format!("the extension \"{name}\" could not be made: {}", error.message));
            }
        }
        session.close().await;
        Ok(())
    }
}

struct Prepared {
    server: Server,
    created: bool,
    was_running: bool,
    notes: Vec<String>,
}

fn prepare(options: &ServerOptions) -> Result<Prepared, LabError> {
    let quiet: Progress = std::sync::Arc::new(|_| {});
    let progress = options.progress.clone().unwrap_or(quiet);
    let run_as = RunAs::choose()?;
    let folder = place::folder(&options.project, run_as)?;
    place::make(&folder, run_as)?;
    let lock = FileLock::wait(&folder.join("lock"))?;
    let data = folder.join("data");
    let mut notes = Vec::new();
    let kept = read(&folder, &options.project)?;
    let created = kept.is_none();
    let mut kept = kept.unwrap_or_else(|| Kept {
        version: 1,
        project: options.project.clone(),
        major: options.major,
        port: process::free_port(&options.project),
        password: place::password(),
        branch: None,
    });
    if kept.major != options.major {
        notes.push(format!(
            "this server is PostgreSQL {}, and {} was wanted: `pgsteward lab down --remove` makes room for another",
            kept.major, options.major
        ));
    }
    let binaries = choose(kept.major, options.offline, run_as, progress.as_ref())?;
    notes.extend(binaries.note.clone());
    if created {
        // What an interrupted first start left has no description beside it, so it holds nothing of anybody's.
        process::stop(&data)?;
        remove(&data)?;
        remove(&folder.join("socket"))?;
        kept.major = binaries.version.major();
        run_as.require_user_entry()?;
        progress(&format!("preparing a data directory for PostgreSQL {}", binaries.version));
        let work = folder.join("work");
        remove(&work)?;
        make_folder(&work, 0o700)?;
        run_as.own(&work)?;
        let made = work.join("data");
        template::initialise(&binaries, run_as, &work, &made)?;
        fs::rename(&made, &data).map_err(|error| LabError::io("rename", &made, error))?;
        remove(&work)?;
        make_folder(&folder.join("socket"), 0o700)?;
        run_as.own(&folder.join("socket"))?;
    } else if binaries.version.major() != kept.major {
        return Err(LabError::OtherMajor { wanted: kept.major, found: binaries.version.major() });
    }
    let was_running = process::runs(&data);
    if !was_running {
        if !process::is_free(kept.port) {
            let port = process::free_port(&options.project);
            notes.push(format!("port {} is taken by another program; the server has {port} now", kept.port));
            kept.port = port;
        }
        process::start(&binaries, &folder, kept.port, run_as)?;
    }
    write(&folder, &kept)?;
    let server = Server { folder, kept, binaries, _lock: lock };
    Ok(Prepared { server, created, was_running, notes })
}

fn choose(
    major: u32,
    offline: bool,
    run_as: RunAs,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<Binaries, LabError> {
    let cache = Cache::open(run_as)?;
    binaries::choose(&Wanted { major, offline, progress }, &cache, run_as)
}

/// The description in a server's folder. One that belongs to another project is refused.
fn read(folder: &Path, project: &Path) -> Result<Option<Kept>, LabError> {
    let path = folder.join("server.json");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LabError::io("read", &path, error)),
    };
    let kept: Kept = serde_json::from_str(&text)
        .map_err(|error| LabError::io("read", &path, std::io::Error::other(error.to_string())))?;
    if kept.project != project {
        return Err(LabError::OtherProject { folder: folder.to_owned(), project: kept.project });
    }
    Ok(Some(kept))
}

fn write(folder: &Path, kept: &Kept) -> Result<(), LabError> {
    let (path, partial) = (folder.join("server.json"), folder.join("server.json.partial"));
    let failed = |error: std::io::Error| LabError::io("write", &partial, error);
    let text = serde_json::to_string_pretty(kept)
        .map_err(|error| failed(std::io::Error::other(error.to_string())))?;
    remove(&partial)?;
    let mut file =
        fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&partial).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&partial, &path).map_err(|error| LabError::io("write", &path, error))
}

async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LabError> + Send + 'static,
) -> Result<T, LabError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| LabError::Task(error.to_string()))?
}
