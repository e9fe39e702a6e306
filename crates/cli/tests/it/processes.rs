//! Nothing of a check outlives it: not after Ctrl-C, and not after kill -9 and the next start.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::Project;

const PATIENCE: Duration = Duration::from_secs(20);

/// A history that keeps the lab busy for longer than any test waits.
fn slow() -> Project {
    Project::shop(&[("prisma/migrations/20260102000000_slow/migration.sql", "SELECT pg_sleep(60);\n")])
}

/// Starts a check whose lab lives in a temporary folder of its own, and waits until it sleeps there.
fn start(project: &Project, temporary: &Path) -> (Child, PathBuf) {
    std::fs::create_dir_all(temporary).unwrap();
    let child = project
        .command(&["check", "--all-migrations"])
        .env("TMPDIR", temporary)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(lab) = labs_in(temporary).pop()
            && lab_processes(&lab).len() > 4
            && is_sleeping(&lab)
        {
            return (child, lab);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    signal(&child, "TERM");
    let output = child.wait_with_output().unwrap();
    panic!("no lab: {}", String::from_utf8_lossy(&output.stderr));
}

pub(crate) fn labs_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("pgsteward-lab-")).collect()
}

fn processes() -> String {
    let output = Command::new("ps").args(["-eo", "pid=,args="]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Server processes by their working directory, the data directory.
pub(crate) fn lab_processes(lab: &Path) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            std::fs::read_link(format!("/proc/{pid}/cwd"))
                .is_ok_and(|cwd| cwd.to_string_lossy().starts_with(&*lab.to_string_lossy()))
        })
        .collect()
}

/// The server shows what a session does in its process title.
fn is_sleeping(lab: &Path) -> bool {
    let ours = lab_processes(lab);
    processes().lines().any(|line| {
        let pid = line.split_whitespace().next().and_then(|pid| pid.parse().ok());
        pid.is_some_and(|pid| ours.contains(&pid)) && line.contains("SELECT")
    })
}

fn assert_gone(lab: &Path) {
    let begun = Instant::now();
    while lab.exists() || !lab_processes(lab).is_empty() {
        assert!(begun.elapsed() < PATIENCE, "left: {} {:?}", lab.display(), lab_processes(lab));
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

#[test]
fn signals_take_the_lab_with_them() {
    if !Path::new("/proc/self/cwd").exists() {
        eprintln!("not tested: no /proc here");
        return;
    }
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let (project, temporary) = (slow(), tempfile::tempdir().unwrap());
        open(temporary.path());
        let (child, lab) = start(&project, temporary.path());
        let sent = Instant::now();
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(sent.elapsed() < Duration::from_secs(30), "{:?}", sent.elapsed());
        assert!(!lab.exists(), "{}", lab.display());
        assert_gone(&lab);
        assert_eq!(output.stdout, b"", "half a review is none");
    }
}

#[test]
fn the_next_start_cleans_up_after_kill_9() {
    if !Path::new("/proc/self/cwd").exists() {
        eprintln!("not tested: no /proc here");
        return;
    }
    let (project, temporary) = (slow(), tempfile::tempdir().unwrap());
    open(temporary.path());
    let (mut child, lab) = start(&project, temporary.path());
    signal(&child, "KILL");
    assert_eq!(child.wait().unwrap().code(), None);
    assert!(lab.exists(), "nobody could remove it");
    let next = Project::shop(&[]);
    let output =
        next.command(&["check", "--format", "json"]).env("TMPDIR", temporary.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_gone(&lab);
    assert_eq!(labs_in(temporary.path()), Vec::<PathBuf>::new());
}

/// The server's user must get in.
pub(crate) fn open(folder: &Path) {
    std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

/// Code that takes long to read keeps the process busy: it ends nevertheless.
#[test]
fn a_check_that_reads_code_ends_when_it_is_told_to() {
    let project = Project::shop(&[]);
    let call = "await prisma.user.findMany({ where: { OR: [{ email: a }, { name: { contains: b } }] } });\n";
    let text = format!(
        "import {{ prisma }} from './db';\nexport async function f(a: string, b: string) {{\n{}}}\n",
        call.repeat(4_000)
    );
    for file in 0..60 {
        project.write(&format!("src/f{file}.ts"), &text);
    }
    let mut child = project.command(&["check"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(1));
    assert!(child.try_wait().unwrap().is_none(), "it was still reading");
    signal(&child, "TERM");
    let begun = Instant::now();
    let ended = loop {
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        assert!(begun.elapsed() < PATIENCE, "still there");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(ended.code(), Some(143));
}
