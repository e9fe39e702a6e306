//! One server process with its folder: start it, know when it is ready, end it and leave nothing behind.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use pgsteward_model::version::ServerVersion;

use crate::binaries::Binaries;
use crate::cleanup::{self, Registration};
use crate::error::{LabError, tail};
use crate::files::{Cache, copy_tree, remove, remove_at_once};
use crate::lab::LabOptions;
use crate::privileges::RunAs;
use crate::{template, walls};

/// The number only names the socket file: nothing listens on a network.
pub(crate) const PORT: u16 = 5432;

/// The kernel's limit for the path of a Unix socket: 108 bytes with the final zero on Linux, 104 on macOS
/// (`sockaddr_un`).
const SOCKET_PATH_LIMIT: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// How long a server may take to become ready on a slow machine.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long a server may take to end after its connections are closed.
const SETTLED: Duration = Duration::from_millis(500);

/// A running lab server. Dropping it ends the server and removes its folder.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) folder: PathBuf,
    pub(crate) version: ServerVersion,
    server: Mutex<Option<Child>>,
    /// Why the watchdog ended the server, for the sessions that then find it gone.
    verdict: Mutex<Option<Verdict>>,
    registration: Mutex<Option<Registration>>,
    _cache: Cache,
}

/// Why a server was ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Disk { limit_bytes: u64 },
    Time { seconds: u64 },
}

impl Cluster {
    /// Copies the prepared data directory, starts a server on it and waits until it accepts sessions.
    pub(crate) fn start(
        binaries: &Binaries,
        cache: Cache,
        run_as: RunAs,
        options: &LabOptions,
        progress: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Cluster, LabError> {
        let prepared = template::prepared(binaries, &cache, run_as, progress)?;
        let folder = make_lab_folder(run_as)?;
        let registration = match Registration::enter(&cache, &folder) {
            Ok(registration) => registration,
            Err(error) => {
                remove(&folder)?;
                return Err(error);
            }
        };
        // From here on dropping the cluster removes the folder, whatever fails.
        let cluster = Cluster {
            folder,
            version: binaries.version,
            server: Mutex::new(None),
            verdict: Mutex::new(None),
            registration: Mutex::new(Some(registration)),
            _cache: cache,
        };
        let data = cluster.data();
        copy_tree(&prepared, &data, run_as)?;
        let temp_limit_kb = (options.disk_limit_bytes / 2 / 1024).clamp(1024, 1 << 30);
        let mut settings =
            walls::settings(&cluster.folder.to_string_lossy(), PORT, dynamic_memory(), temp_limit_kb);
        for (name, value) in &options.settings {
            settings.push_str(&format!("{name} = '{}'\n", value.replace('\'', "''")));
        }
        write(&data.join("postgresql.conf"), &settings)?;
        let log = fs::File::create(cluster.log_path())
            .map_err(|error| LabError::io("create", &cluster.log_path(), error))?;
        let mut command = limited(&binaries.program("postgres"), options.memory_limit_bytes);
        run_as.prepare(&mut command, &cluster.folder);
        command
            .arg("-D")
            .arg(&data)
            .current_dir(&cluster.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let child =
            command.spawn().map_err(|error| LabError::io("run", &binaries.program("postgres"), error))?;
        *lock(&cluster.server) = Some(child);
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    /// The last lines that the server wrote.
    pub(crate) fn log_tail(&self) -> String {
        tail(&fs::read_to_string(self.log_path()).unwrap_or_default(), 6)
    }

    /// The eighth line of `postmaster.pid` says "ready" once sessions are accepted (`PM_STATUS_READY` in
    /// PostgreSQL's `pidfile.h`); polling the file costs less than trying to connect.
    fn wait_until_ready(&self) -> Result<(), LabError> {
        let started = Instant::now();
        let pid_file = self.data().join("postmaster.pid");
        loop {
            let text = fs::read_to_string(&pid_file).unwrap_or_default();
            if text.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
                return Ok(());
            }
            let ended = match lock(&self.server).as_mut().map(Child::try_wait) {
                Some(Ok(None)) => false,
                Some(Ok(Some(_)) | Err(_)) | None => true,
            };
            if ended || started.elapsed() > START_LIMIT {
                let said = fs::read_to_string(self.log_path()).unwrap_or_default();
                return Err(match template::failed(&said, &self.folder) {
                    LabError::Prepare { log } if ended => LabError::Startup { log },
                    LabError::Prepare { log } => LabError::Startup {
                        log: format!("not ready after {} s: {log}", START_LIMIT.as_secs()),
                    },
                    other => other,
                });
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends the server at once because a limit was passed; the folder stays until the cluster is dropped.
    pub(crate) fn condemn(&self, verdict: Verdict) {
        lock(&self.verdict).get_or_insert(verdict);
        self.end_server();
    }

    /// What to tell a caller whose session broke: the watchdog's verdict, else what the log says.
    pub(crate) fn why_gone(&self) -> LabError {
        match *lock(&self.verdict) {
            Some(Verdict::Disk { limit_bytes }) => LabError::DiskLimit { limit_bytes },
            Some(Verdict::Time { seconds }) => LabError::TimeLimit { seconds },
            None if self.saw_a_full_disk() => self.disk_full(),
            None => LabError::ServerGone { reason: self.log_tail() },
        }
    }

    /// Whether the server's log speaks of a full disk. Only worth asking once something broke: SQL can write
    /// anything into the log.
    pub(crate) fn saw_a_full_disk(&self) -> bool {
        fs::read_to_string(self.log_path()).is_ok_and(|log| template::speaks_of_a_full_disk(&log))
    }

    pub(crate) fn disk_full(&self) -> LabError {
        LabError::DiskFull { path: self.folder.clone() }
    }

    /// Whether the server process is there.
    pub(crate) fn is_alive(&self) -> bool {
        lock(&self.server).as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Waits for the end of a server that closed a connection. One that is killed closes them all a moment before it is seen to
    /// be gone; one that only lost a session goes on.
    pub(crate) fn settle(&self) {
        let begun = Instant::now();
        while self.is_alive() && begun.elapsed() < SETTLED {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn end_server(&self) {
        let Some(mut child) = lock(&self.server).take() else { return };
        let data = self.data();
        cleanup::end_processes(child.id(), &data, || matches!(child.try_wait(), Ok(None)));
    }

    /// Ends the server and removes the folder. Safe to call twice.
    pub(crate) fn shut_down(&self) -> Result<(), LabError> {
        self.end_server();
        // What is left of it goes with the folder, or is told there.
        drop(remove_at_once(&self.data().join("base")));
        remove(&self.folder)?;
        if let Some(registration) = lock(&self.registration).take() {
            registration.leave()?;
        }
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // What cannot be removed now stays registered and is removed by the next start.
        drop(self.shut_down());
    }
}

/// A poisoned lock only means that another thread panicked; the value is still the truth about the server.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A private folder with a path short enough for a socket: in the temporary folder, else in `/tmp`.
fn make_lab_folder(run_as: RunAs) -> Result<PathBuf, LabError> {
    let mut long = None;
    for base in [std::env::temp_dir(), PathBuf::from("/tmp")] {
        let private = fs::Permissions::from_mode(0o700);
        let mut builder = tempfile::Builder::new();
        let Ok(folder) = builder.prefix(cleanup::FOLDER_PREFIX).permissions(private).tempdir_in(&base) else {
            continue;
        };
        let length = folder.path().join(format!(".s.PGSQL.{PORT}")).as_os_str().len();
        if length > SOCKET_PATH_LIMIT {
            long = Some(LabError::SocketPathTooLong {
                path: folder.path().to_owned(),
                length,
                limit: SOCKET_PATH_LIMIT,
            });
            continue;
        }
        if !run_as.can_reach(&base) {
            continue;
        }
        run_as.own(folder.path())?;
        return Ok(folder.keep());
    }
    Err(long.unwrap_or_else(|| {
        let error = std::io::Error::other("no temporary folder can be written");
        LabError::io("create a folder in", &std::env::temp_dir(), error)
    }))
}

fn write(path: &Path, text: &str) -> Result<(), LabError> {
    fs::write(path, text).map_err(|error| LabError::io("write", path, error))
}

/// POSIX shared memory lives in `/dev/shm`, which has 64 MB in a container; a parallel query there fails for
/// want of space, so files in the data directory are used instead.
pub(crate) fn dynamic_memory() -> &'static str {
    if !cfg!(target_os = "linux") {
        return "posix";
    }
    let free = rustix::fs::statvfs("/dev/shm").map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize));
    if free >= 256 << 20 { "posix" } else { "mmap" }
}

/// Hostile SQL can ask for any amount of memory. The shell sets the limit and then becomes the server, which
/// hands it on to its processes; setting it from outside needs rights that a container may not give. Where the
/// system knows no such limit (macOS) the machine's own must do.
fn limited(program: &Path, memory_limit_bytes: u64) -> Command {
    let mut command = Command::new("/bin/sh");
    let kilobytes = memory_limit_bytes / 1024;
    command
        .arg("-c")
        .arg(format!("ulimit -c 0 2>/dev/null; ulimit -v {kilobytes} 2>/dev/null; exec \"$0\" \"$@\""))
        .arg(program);
    command
}
