//! The server process of a project: start it so that it outlives us, find it again, stop it. The process id in a
//! data directory is believed only where that process works in the directory.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::binaries::Binaries;
use crate::cleanup;
use crate::error::{LabError, tail};
use crate::files::remove;
use crate::privileges::RunAs;
use crate::template;

/// Recovery after a crash takes longer than a plain start.
const START_LIMIT: Duration = Duration::from_secs(120);
/// How long a clean stop may take before the server is ended.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// Ports that are looked at: outside of the range from which Linux and macOS hand out ports by themselves.
const PORTS: std::ops::Range<u16> = 25432..32432;

/// A free port, for one project the same as long as it stays free.
pub(super) fn free_port(project: &Path) -> u16 {
    let hash = template::short_hash(&[&project.to_string_lossy()]);
    let number = u32::from_str_radix(&hash[..6], 16).unwrap_or_default();
    let count = u32::from(PORTS.end - PORTS.start);
    (0..count)
        .filter_map(|step| u16::try_from((number + step) % count).ok())
        .map(|offset| PORTS.start + offset)
        .find(|port| is_free(*port))
        .unwrap_or(PORTS.start)
}

pub(super) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// The postmaster on this data directory, if it lives.
fn postmaster(data: &Path) -> Option<u32> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid = text.lines().next()?.trim().parse().ok()?;
    cleanup::works_in(pid, data).then_some(pid)
}

pub(super) fn runs(data: &Path) -> bool {
    postmaster(data).is_some()
}

/// Starts the server and waits until it accepts sessions. Nobody else may do so meanwhile.
pub(super) fn start(binaries: &Binaries, folder: &Path, port: u16, run_as: RunAs) -> Result<(), LabError> {
    let data = folder.join("data");
    // A process id that was given to somebody else since (after a crash, after the machine's restart) would keep the
    // server from starting; children of a postmaster that was killed must be gone before another works here.
    cleanup::end_processes_in(&data);
    remove(&data.join("postmaster.pid"))?;
    // The socket has a lock file of its own, which is believed in the same way.
    let socket = folder.join("socket");
    let left = fs::read_dir(&socket).map_err(|error| LabError::io("read", &socket, error))?;
    for entry in left {
        remove(&entry.map_err(|error| LabError::io("read", &socket, error))?.path())?;
    }
    write(&data.join("pgsteward.conf"), &settings(&socket, port), run_as)?;
    write(
        &data.join("postgresql.conf"),
        "include 'pgsteward.conf'\ninclude_if_exists '../own.conf'\n",
        run_as,
    )?;
    write(&data.join("pg_hba.conf"), ACCESS, run_as)?;
    let log_path = folder.join("server.log");
    let log = fs::File::create(&log_path).map_err(|error| LabError::io("create", &log_path, error))?;
    let program = binaries.program("postgres");
    let mut command = Command::new(&program);
    run_as.prepare(&mut command, folder);
    command.arg("-D").arg(&data).current_dir(&data).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let mut child = command.spawn().map_err(|error| LabError::io("run", &program, error))?;
    let started = Instant::now();
    loop {
        // The eighth line says "ready" (PM_STATUS_READY in PostgreSQL's pidfile.h).
        let text = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
        if text.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
            return Ok(());
        }
        let ended = !matches!(child.try_wait(), Ok(None));
        if ended || started.elapsed() > START_LIMIT {
            let said = fs::read_to_string(&log_path).unwrap_or_default();
            if !ended {
                cleanup::end_processes(child.id(), &data, || matches!(child.try_wait(), Ok(None)));
            }
            return Err(match template::failed(&said, folder) {
                LabError::Prepare { .. } => LabError::Startup { log: tail(&said, 6) },
                other => other,
            });
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Stops the server cleanly; true where it ran. SIGINT is PostgreSQL's fast shutdown: sessions end, data is safe.
pub(super) fn stop(data: &Path) -> Result<bool, LabError> {
    let Some(pid) = postmaster(data) else {
        cleanup::end_processes_in(data);
        return Ok(false);
    };
    cleanup::signal(pid, Signal::INT);
    let asked = Instant::now();
    while cleanup::works_in(pid, data) && asked.elapsed() < STOP_LIMIT {
        std::thread::sleep(Duration::from_millis(5));
    }
    if cleanup::works_in(pid, data) {
        cleanup::end_processes(pid, data, || cleanup::works_in(pid, data));
    }
    Ok(true)
}

/// The socket lies in a folder that only the server's user can enter; over TCP the password counts.
const ACCESS: &str = "local all all trust\n\
                      host all pgsteward all reject\n\
                      host all all 127.0.0.1/32 scram-sha-256\n";

/// As durable as PostgreSQL is by itself, since the data is the user's. Who wants speed instead has `own.conf`.
fn settings(socket: &Path, port: u16) -> String {
    let socket = socket.display().to_string().replace('\'', "''");
    format!(
        "# Written by `pgsteward lab up` at each start; own settings belong into own.conf beside the data folder.\n\
         listen_addresses = '127.0.0.1'\n\
         port = {port}\n\
         unix_socket_directories = '{socket}'\n\
         unix_socket_permissions = 0700\n\
         password_encryption = 'scram-sha-256'\n\
         max_connections = 100\n\
         shared_buffers = 128MB\n\
         dynamic_shared_memory_type = {}\n\
         max_wal_size = 1GB\n\
         log_destination = 'stderr'\n\
         logging_collector = off\n\
         lc_messages = 'C'\n\
         timezone = 'UTC'\n\
         log_timezone = 'UTC'\n",
        crate::cluster::dynamic_memory()
    )
}

fn write(path: &Path, text: &str, run_as: RunAs) -> Result<(), LabError> {
    fs::write(path, text).map_err(|error| LabError::io("write", path, error))?;
    run_as.own(path)
}
