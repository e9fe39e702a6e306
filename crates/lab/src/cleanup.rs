//! No lab outlives its owner: a list of running labs in the cache, and the removal of those whose owner is
//! gone. An owner holds a lock on its entry; the system releases it however the owner dies.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::error::LabError;
use crate::files::{Cache, FileLock, remove};

/// Every lab's folder begins so. Nothing else is ever removed.
pub(crate) const FOLDER_PREFIX: &str = "pgsteward-lab-";

/// The entry of one running lab.
#[derive(Debug)]
pub(crate) struct Registration {
    path: PathBuf,
    _lock: FileLock,
}

impl Registration {
    /// Writes the entry and locks it. The room's own lock keeps a clean-up from seeing an entry that is not
    /// locked yet.
    pub(crate) fn enter(cache: &Cache, folder: &Path) -> Result<Registration, LabError> {
        let room = cache.room("labs")?;
        let _room = FileLock::wait(&room.join("lock"))?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let path = room.join(format!("{name}.lab"));
        let text = format!("{}\nowner {}\n", folder.display(), std::process::id());
        fs::write(&path, text).map_err(|error| LabError::io("write", &path, error))?;
        let lock = FileLock::wait(&path)?;
        Ok(Registration { path, _lock: lock })
    }

    pub(crate) fn leave(self) -> Result<(), LabError> {
        remove(&self.path)
    }
}

/// Removes what labs without a living owner left: processes, folders, entries. Returns how many there were.
/// One that cannot be removed (another user's) is left for the next start and does not stop this one.
pub(crate) fn sweep(cache: &Cache) -> Result<usize, LabError> {
    let room = cache.room("labs")?;
    let _room = FileLock::wait(&room.join("lock"))?;
    let entries = fs::read_dir(&room).map_err(|error| LabError::io("read", &room, error))?;
    let mut swept = 0;
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_none_or(|extension| extension != "lab") {
            continue;
        }
        let Ok(Some(_orphan)) = FileLock::try_take(&path) else { continue };
        let text = fs::read_to_string(&path).unwrap_or_default();
        let folder = PathBuf::from(text.lines().next().unwrap_or_default());
        let ours = folder.is_absolute()
            && folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(FOLDER_PREFIX));
        if ours && end_orphan(&folder).and_then(|()| remove(&folder)).is_err() {
            continue;
        }
        remove(&path)?;
        swept += 1;
    }
    Ok(swept)
}

/// Ends the server of a folder whose owner is gone, after making sure that the process is that server.
fn end_orphan(folder: &Path) -> Result<(), LabError> {
    let data = folder.join("data");
    let text = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let mut lines = text.lines();
    let pid = lines.next().and_then(|line| line.trim().parse::<u32>().ok());
    let same = lines.next().is_some_and(|line| Path::new(line.trim()) == data);
    match pid {
        Some(pid) if same && works_in(pid, &data) => {
            end_processes(pid, &data, || is_running(pid) && works_in(pid, &data));
        }
        _ => end_processes_in(&data),
    }
    Ok(())
}

/// Ends a postmaster and its children. SIGQUIT is PostgreSQL's immediate shutdown, which the postmaster passes
/// on; each child has a process group of its own (`setsid` in `InitPostmasterChild`), so killing the
/// postmaster's group alone would leave a busy child behind.
pub(crate) fn end_processes(pid: u32, data: &Path, mut running: impl FnMut() -> bool) {
    signal(pid, Signal::QUIT);
    let asked = Instant::now();
    let mut wait = Duration::from_millis(1);
    while running() && asked.elapsed() < Duration::from_secs(3) {
        std::thread::sleep(wait);
        wait = (wait * 2).min(Duration::from_millis(20));
    }
    if running() {
        signal(pid, Signal::KILL);
        end_processes_in(data);
        while running() && asked.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    // A child that ignored the order (stopped, or in uninterruptible work) must not write on.
    end_processes_in(data);
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = as_pid(pid) {
        // A process that is gone already needs no signal.
        let _gone = kill_process(pid, signal);
    }
}

fn as_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

fn is_running(pid: u32) -> bool {
    as_pid(pid).is_some_and(|pid| !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH)))
}

/// Whether a process is a server on this data directory: server processes work in it.
#[cfg(target_os = "linux")]
pub(crate) fn works_in(pid: u32, data: &Path) -> bool {
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| {
        // The kernel marks a folder that was removed meanwhile.
        cwd == data || cwd.to_string_lossy() == format!("{} (deleted)", data.display())
    })
}

/// Without `/proc` the command line must do: the lab always names the data directory on it.
#[cfg(not(target_os = "linux"))]
pub(crate) fn works_in(pid: u32, data: &Path) -> bool {
    std::process::Command::new("ps")
        .args(["-o", "command=", "-p", &pid.to_string()])
        .output()
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(&*data.to_string_lossy()))
}

/// Kills every process that works in the data directory, such as a child whose postmaster is gone.
#[cfg(target_os = "linux")]
pub(crate) fn end_processes_in(data: &Path) {
    let Ok(entries) = fs::read_dir("/proc") else { return };
    for entry in entries.flatten() {
        if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok())
            && works_in(pid, data)
        {
            signal(pid, Signal::KILL);
        }
    }
}

/// Without `/proc` children are left to notice the death of their postmaster themselves.
#[cfg(not(target_os = "linux"))]
pub(crate) fn end_processes_in(_data: &Path) {}
