//! Servers that a test starts and ends itself, as a machine that falls does: copies of a running server, which follow it
//! or go their own way.

use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pgsteward_pg::LabSession;

use crate::migrate_support::{Database, SUPERUSER, Server};

/// How a server falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fall {
    /// One of its processes is killed: it ends all others, and recovers by itself.
    Process,
    /// It is stopped at once and started again.
    Stop,
    /// Its first process is killed and it is started again.
    Kill,
}

pub(crate) const FALLS: [Fall; 3] = [Fall::Process, Fall::Stop, Fall::Kill];

/// A server in a folder of its own, which goes with the value. At first it is a replica that streams.
pub(crate) struct Postmaster<'a> {
    origin: &'a Server,
    folder: tempfile::TempDir,
    binaries: PathBuf,
    owner: std::fs::Metadata,
    process: Child,
}

impl<'a> Postmaster<'a> {
    /// A copy of the running server, taken as `pg_basebackup` takes it. Its settings must allow replicas
    /// ([`Server::that_may_be_copied`]).
    pub(crate) fn replica_of(origin: &'a Server) -> Postmaster<'a> {
        let any = origin.absent("postgres");
        let source = origin.folder().join("data");
        let owner = std::fs::metadata(&source).unwrap();
        // Its socket's path must be short.
        let folder = tempfile::Builder::new().prefix("postmaster-").tempdir_in("/tmp").unwrap();
        let data = folder.path().join("data");
        let session = origin.runtime.block_on(any.session());
        origin.runtime.block_on(session.simple("SELECT pg_backup_start('copy', true)")).unwrap();
        copy(&source, &data, &owner);
        let label =
            origin.runtime.block_on(session.rows("SELECT labelfile FROM pg_backup_stop(false)")).unwrap();
        write(&data.join("backup_label"), label[0][0].as_deref().unwrap(), &owner);
        write(&data.join("standby.signal"), "", &owner);
        let mut settings = std::fs::read_to_string(data.join("postgresql.conf")).unwrap();
        settings.push_str(&format!(
            "\nunix_socket_directories = '{}'\nprimary_conninfo = 'host={} port=5432 user={SUPERUSER}'\nhot_standby = on\n",
            folder.path().display(),
            origin.folder().display()
        ));
        write(&data.join("postgresql.conf"), &settings, &owner);
        own(folder.path(), &owner);
        std::fs::set_permissions(&data, PermissionsExt::from_mode(0o700)).unwrap();
        let binaries = PathBuf::from(any.value("SELECT setting FROM pg_config WHERE name = 'BINDIR'"));
        let process = spawn(&binaries, folder.path(), &owner);
        let replica = Postmaster { origin, folder, binaries, owner, process };
        any.wait_until("SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'");
        any.wait_until(CAUGHT_UP);
        replica
    }

    /// The same as a server that follows nobody.
    pub(crate) fn copy_of(origin: &'a Server) -> Postmaster<'a> {
        let own = Postmaster::replica_of(origin);
        own.absent("postgres").run("SELECT pg_promote()");
        own.absent("postgres").wait_until("SELECT NOT pg_is_in_recovery()");
        own
    }

    /// A database of this name, there or not.
    pub(crate) fn absent(&self, name: &str) -> Database<'a> {
        Database { server: self.origin, folder: self.folder.path().to_owned(), name: name.to_owned() }
    }

    /// Falls, comes back and takes sessions again. No session of the test may be open.
    pub(crate) fn fall(&mut self, how: Fall) {
        match how {
            Fall::Process => {
                let any = self.absent("postgres");
                // A process of our own is as good as any.
                let victim = self.origin.runtime.block_on(any.session());
                let witness = self.origin.runtime.block_on(any.session());
                signal("-KILL", victim.backend_pid().unsigned_abs());
                // The server ends all other sessions as soon as it hears of the death.
                while self.origin.runtime.block_on(async { witness.rows("SELECT 1").await }).is_ok() {}
            }
            Fall::Stop => {
                signal("-QUIT", self.process.id());
                self.process.wait().unwrap();
            }
            Fall::Kill => {
                self.process.kill().unwrap();
                self.process.wait().unwrap();
            }
        }
        let began = Instant::now();
        while !self.answers() {
            assert!(began.elapsed() < Duration::from_secs(120), "the server did not come back after {how:?}");
            // It refuses to start while processes of the one before are there.
            if self.process.try_wait().unwrap().is_some() {
                self.process = spawn(&self.binaries, self.folder.path(), &self.owner);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn answers(&self) -> bool {
        let session = LabSession::connect_socket(self.folder.path(), 5432, SUPERUSER, "postgres");
        self.origin.runtime.block_on(session).is_ok()
    }
}

impl Drop for Postmaster<'_> {
    fn drop(&mut self) {
        // An immediate stop: a killed postmaster would leave its children and its memory behind.
        signal("-QUIT", self.process.id());
        self.process.wait().unwrap();
    }
}

/// True of a server whose replicas have replayed everything.
pub(crate) const CAUGHT_UP: &str =
    "SELECT bool_and(replay_lsn >= pg_current_wal_lsn()) FROM pg_stat_replication";

fn spawn(binaries: &Path, folder: &Path, owner: &std::fs::Metadata) -> Child {
    let mut command = Command::new(binaries.join("postgres"));
    // The server refuses to run as root, and its folder belongs to whom the lab chose.
    let me = std::fs::metadata("/proc/self").map_or(owner.uid(), |me| me.uid());
    if owner.uid() != me {
        command.uid(owner.uid()).gid(owner.gid());
    }
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("server.log")).unwrap();
    command.arg("-D").arg(folder.join("data")).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

fn copy(from: &Path, to: &Path, owner: &std::fs::Metadata) {
    std::fs::create_dir(to).unwrap();
    own(to, owner);
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        let (source, to) = (entry.path(), to.join(&name));
        if entry.file_type().unwrap().is_dir() {
            copy(&source, &to, owner);
            continue;
        }
        // The primary's own, and the WAL, which the replica is sent.
        if name == "postmaster.pid" || from.ends_with("pg_wal") {
            continue;
        }
        match std::fs::copy(&source, &to) {
            Ok(_) => own(&to, owner),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => panic!("{}: {error}", source.display()),
        }
    }
}

fn write(path: &Path, text: &str, owner: &std::fs::Metadata) {
    std::fs::write(path, text).unwrap();
    own(path, owner);
}

fn own(path: &Path, owner: &std::fs::Metadata) {
    std::os::unix::fs::chown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
}
