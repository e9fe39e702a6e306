//! `lab up`, `down`, `psql`, `snapshot`, `restore`: the project's own development server, in place of a container.
//!
//! Here is decided which project, which version and which branch; how a server is kept is the lab's business.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use pgsteward_lab::{PREVIOUS, Server, ServerOptions};
use pgsteward_model::lab_server::{DownReport, SnapshotLine, SwapReport, UpReport};
use pgsteward_pg::{CatalogOptions, ReadSession, ServerUrl};

use crate::config::{self, Config};
use crate::git::Git;

/// The version of a development server where nobody named one.
const DEFAULT_MAJOR: u32 = 17;

#[derive(Clone, Debug, Default)]
pub struct UpOptions {
    pub folder: PathBuf,
    /// `--major`; wins over everything.
    pub major: Option<u32>,
    /// The server to be like: its major version and its extensions. Only read.
    pub url: Option<String>,
}

/// Makes or starts the server of the project.
pub async fn up(options: &UpOptions, progress: Arc<dyn Fn(&str) + Send + Sync>) -> Result<UpReport> {
    let project = project(&options.folder)?;
    let config = configuration(&project)?;
    let mut extensions = config.lab.extensions.clone();
    let mut major = options.major.or(config.lab.major);
    if let Some(url) = &options.url {
        let (version, found) = like(url).await?;
        major = options.major.or(Some(version));
        extensions.extend(found.into_iter().filter(|name| name != "plpgsql"));
    }
    extensions.sort();
    extensions.dedup();
    let wanted = ServerOptions {
        project: project.clone(),
        major: major.unwrap_or(DEFAULT_MAJOR),
        offline: config.lab.offline,
        extensions,
        progress: Some(progress),
    };
    // Nobody who only starts what is there has asked for another version.
    let named = major.is_some();
    let up = Server::up(&wanted).await?;
    let mut server = up.server;
    if server.branch().is_none() {
        server.set_branch(branch(&project).as_deref())?;
    }
    let other = |note: &String| named || !note.contains(" was wanted: ");
    Ok(UpReport {
        url: server.url(),
        port: server.port(),
        server_version: server.version().to_string(),
        folder: server.folder().display().to_string(),
        created: up.created,
        was_running: up.was_running,
        snapshots: lines(&server).await?,
        notes: up.notes.into_iter().filter(other).collect(),
    })
}

/// Stops the server; `remove` names the project's folder and takes the data too.
pub async fn down(folder: &Path, remove: bool) -> Result<DownReport> {
    let down = Server::down(&project(folder)?, remove).await?;
    Ok(DownReport { was_there: down.was_there, was_running: down.was_running, removed: down.removed })
}

/// The program and the arguments that open a session with the database.
pub async fn psql(folder: &Path) -> Result<(PathBuf, Vec<String>)> {
    let server = running(&project(folder)?).await?;
    server.psql().ok_or_else(|| {
        anyhow!(
            "there is no psql on this machine\nhint: install PostgreSQL's client programs, or use any other client with \
             the URL that `pgsteward lab up` prints"
        )
    })
}

/// Copies the database under a name, by default the git branch's.
pub async fn snapshot(folder: &Path, name: Option<&str>, replace: bool) -> Result<SwapReport> {
    let project = project(folder)?;
    let branch = branch(&project);
    let name = match (name, &branch) {
        (Some(name), _) => name.to_owned(),
        (None, Some(branch)) => branch.clone(),
        (None, None) => return Err(nameless()),
    };
    refuse_reserved(&name)?;
    let mut server = running(&project).await?;
    let sessions_ended = server.snapshot(&name, replace).await?;
    if branch.is_some() {
        server.set_branch(branch.as_deref())?;
    }
    let snapshots = lines(&server).await?;
    Ok(SwapReport { saved: Some(name), sessions_ended, snapshots, ..SwapReport::default() })
}

/// Makes the database what the snapshot is. Without a name it follows git: what the database is now is kept for the
/// branch it belonged to, and the current branch's snapshot takes its place; a branch that has none begins with
/// the database as it is.
pub async fn restore(folder: &Path, name: Option<&str>) -> Result<SwapReport> {
    let project = project(folder)?;
    let current = branch(&project);
    let mut server = running(&project).await?;
    let mut report = SwapReport::default();
    let wanted = match (name, &current) {
        (Some(name), _) => name.to_owned(),
        (None, Some(branch)) => branch.clone(),
        (None, None) => return Err(nameless()),
    };
    let left = server.branch().filter(|left| Some(*left) != current.as_deref()).map(str::to_owned);
    if name.is_none()
        && let Some(left) = left
    {
        report.sessions_ended += server.snapshot(&left, true).await?;
        report.saved = Some(left.clone());
        if server.snapshots().await?.iter().all(|one| one.name != wanted) {
            report.notes.push(format!(
                "the branch \"{wanted}\" has no snapshot: it goes on with the database of \"{left}\""
            ));
            server.set_branch(current.as_deref())?;
            report.snapshots = lines(&server).await?;
            return Ok(report);
        }
    }
    report.sessions_ended += server.restore(&wanted).await?;
    if current.is_some() {
        server.set_branch(current.as_deref())?;
    }
    report.restored = Some(wanted);
    report.snapshots = lines(&server).await?;
    Ok(report)
}

/// The snapshots of the project, newest first.
pub async fn snapshots(folder: &Path) -> Result<Vec<SnapshotLine>> {
    lines(&running(&project(folder)?).await?).await
}

async fn running(project: &Path) -> Result<Server> {
    let config = configuration(project)?;
    Ok(Server::running(project, config.lab.offline).await?)
}

async fn lines(server: &Server) -> Result<Vec<SnapshotLine>> {
    let line = |one: pgsteward_lab::Snapshot| SnapshotLine {
        name: one.name,
        taken_at: one.taken_at,
        bytes: one.bytes,
    };
    Ok(server.snapshots().await?.into_iter().map(line).collect())
}

/// The folder that a server belongs to: the nearest one that is a project, else the one that was named.
fn project(folder: &Path) -> Result<PathBuf> {
    let folder = folder.canonicalize().with_context(|| {
        format!("open the folder {}\nhint: name the folder of the project", folder.display())
    })?;
    let signs = [config::FILE_NAME, "prisma.config.ts", "package.json", ".git"];
    let found = folder.ancestors().find(|above| signs.iter().any(|sign| above.join(sign).exists()));
    Ok(found.map_or(folder.clone(), Path::to_path_buf))
}

fn configuration(project: &Path) -> Result<Config> {
    Ok(config::load(project)?.config)
}

fn branch(project: &Path) -> Option<String> {
    Git::of(project)?.branch()
}

fn nameless() -> anyhow::Error {
    anyhow!("there is no git branch to name the snapshot after\nhint: give it a name")
}

fn refuse_reserved(name: &str) -> Result<()> {
    if name == PREVIOUS {
        return Err(anyhow!(
            "\"{PREVIOUS}\" is what `restore` keeps of the database that it replaces\nhint: give the snapshot another name"
        ));
    }
    Ok(())
}

/// Major version and extensions of a server.
async fn like(url: &str) -> Result<(u32, Vec<String>)> {
    let url = ServerUrl::parse(url)?;
    let session = ReadSession::connect(&url).await?;
    let read = session.catalog(&CatalogOptions::default()).await;
    let major = session.version().major();
    session.close().await;
    let (catalog, _) = read?;
    Ok((major, catalog.extensions.into_keys().collect()))
}
