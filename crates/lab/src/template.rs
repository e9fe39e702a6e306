//! The prepared data directory: made once for each PostgreSQL build and copied for each lab.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use sha2::{Digest, Sha256};

use crate::binaries::Binaries;
use crate::error::{LabError, tail};
use crate::files::{Cache, FileLock, make_folder, remove};
use crate::privileges::RunAs;
use crate::walls;

/// Locales to try, best first. Plain C is never used: its comparison rules change plans.
const LOCALES: [&str; 4] = ["C.UTF-8", "C.utf8", "en_US.UTF-8", "en_US.utf8"];

/// The folder to copy. Made now if this build has none yet; parallel starts wait for the one that makes it.
pub(crate) fn prepared(
    binaries: &Binaries,
    cache: &Cache,
    run_as: RunAs,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<PathBuf, LabError> {
    let room = cache.room("prepared")?;
    let key = key(binaries, run_as);
    let target = room.join(&key);
    if target.join("PG_VERSION").is_file() {
        return Ok(target);
    }
    let _lock = FileLock::wait(&room.join(format!("{key}.lock")))?;
    if target.join("PG_VERSION").is_file() {
        return Ok(target);
    }
    progress(&format!("preparing a data directory for PostgreSQL {}", binaries.version));
    run_as.require_user_entry()?;
    // Below the lock there is only one who prepares; what an interrupted one left is removed.
    let work = room.join(format!("{key}.work"));
    remove(&work)?;
    make_folder(&work, 0o700)?;
    run_as.own(&work)?;
    let data = work.join("data");
    let made = initialise(binaries, run_as, &work, &data)
        .and_then(|()| set_up(binaries, run_as, &work, &data))
        .and_then(|()| fs::rename(&data, &target).map_err(|error| LabError::io("rename", &data, error)));
    remove(&work)?;
    made?;
    Ok(target)
}

/// Names everything that the result depends on.
fn key(binaries: &Binaries, run_as: RunAs) -> String {
    let program = binaries.program("postgres");
    let build = fs::metadata(&program).map(|meta| (meta.size(), meta.mtime())).unwrap_or_default();
    let hash = short_hash(&[
        &program.to_string_lossy(),
        &format!("{build:?} {}", run_as.uid),
        &walls::setup_sql(binaries.version),
    ]);
    format!("{}-{hash}", binaries.version)
}

/// The first twelve hexadecimal digits of a SHA-256 over the parts.
pub(crate) fn short_hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// `initdb`, with the best locale that the machine has.
pub(crate) fn initialise(
    binaries: &Binaries,
    run_as: RunAs,
    home: &Path,
    data: &Path,
) -> Result<(), LabError> {
    let mut said = String::new();
    let mut attempts: Vec<Vec<String>> =
        LOCALES.iter().map(|locale| vec![format!("--locale={locale}")]).collect();
    if binaries.version.major() >= 15 {
        // A machine without any UTF-8 locale still has the ICU that PostgreSQL was built with.
        attempts
            .push(["--locale=C", "--locale-provider=icu", "--icu-locale=und"].map(str::to_owned).to_vec());
    }
    for arguments in attempts {
        remove(data)?;
        let mut command = Command::new(binaries.program("initdb"));
        run_as.prepare(&mut command, home);
        command
            .arg("-D")
            .arg(data)
            .args(["--auth=trust", "--encoding=UTF8", "--no-sync", "--wal-segsize=4", "-U", walls::SUPERUSER])
            .args(arguments)
            .current_dir(home)
            .stdin(Stdio::null());
        let output =
            command.output().map_err(|error| LabError::io("run", &binaries.program("initdb"), error))?;
        if output.status.success() {
            return Ok(());
        }
        said = both(&output);
        if !said.contains("invalid locale") {
            break;
        }
    }
    Err(failed(&said, home))
}

/// Runs the set-up in single-user mode: no socket, no client, and a clean shutdown at its end.
fn set_up(binaries: &Binaries, run_as: RunAs, home: &Path, data: &Path) -> Result<(), LabError> {
    let mut command = Command::new(binaries.program("postgres"));
    run_as.prepare(&mut command, home);
    command
        .args(["--single", "-j", "-O", "-F", "-c", "exit_on_error=on", "-c", "autovacuum=off", "-D"])
        .arg(data)
        .arg("template1")
        .current_dir(home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let program = binaries.program("postgres");
    let mut child = command.spawn().map_err(|error| LabError::io("run", &program, error))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A server that stops at an error closes the pipe; what it said is read below.
        let written = stdin.write_all(walls::setup_sql(binaries.version).as_bytes());
        drop(stdin);
        let output = child.wait_with_output().map_err(|error| LabError::io("run", &program, error))?;
        let said = both(&output);
        if written.is_err() || !output.status.success() || said.contains("ERROR:") {
            return Err(failed(&said, home));
        }
    }
    Ok(())
}

fn both(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What a server or `initdb` said when it gave up, sorted into what the user can do something about.
pub(crate) fn failed(said: &str, folder: &Path) -> LabError {
    let log = tail(said, 6);
    if speaks_of_a_full_disk(said) {
        return LabError::DiskFull { path: folder.to_owned() };
    }
    if said.contains("could not create shared memory")
        || said.contains("could not map anonymous shared memory")
        || said.contains("could not resize shared memory")
    {
        return LabError::SharedMemory { log };
    }
    LabError::Prepare { log }
}

/// The system's own words (`strerror` of ENOSPC, EDQUOT), which the server passes on.
pub(crate) fn speaks_of_a_full_disk(said: &str) -> bool {
    ["No space left on device", "Disk quota exceeded"].iter().any(|words| said.contains(words))
}
