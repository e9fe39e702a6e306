//! `migrate rehearse` when things go wrong: a clear error with the next step, and nothing left behind.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::migrate_rehearse::{Production, migration, project, succeed};
use crate::processes::{self, lab_processes, labs_in};
use crate::support::{BINARY, Project, Run};

const NAME: &str = "20260102000000_next";
const INIT: &str = "20260101000000_init";
/// Nothing that goes well takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

fn assert_error(run: &Run, says: &[&str]) {
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{}", run.both());
    assert!(run.stderr.starts_with("error: ") && run.stderr.contains("\nhint: "), "{}", run.stderr);
    for says in says {
        assert!(run.stderr.contains(says), "{says}\n{}", run.stderr);
    }
}

/// No server and no file of a lab is left in a folder for temporary files.
fn assert_nothing_left(folder: &Path) {
    let begun = Instant::now();
    while !lab_processes(folder).is_empty() || !labs_in(folder).is_empty() {
        assert!(begun.elapsed() < PATIENCE, "left: {:?} {:?}", labs_in(folder), lab_processes(folder));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Arguments of a rehearsal without a database, of the migration behind the first.
const WITHOUT: [&str; 4] = ["migrate", "rehearse", NAME, "--quiet"];

#[test]
fn statements_that_do_not_end() {
    let temporary = tempfile::tempdir().unwrap();
    processes::open(temporary.path());
    let run = |sql: &str, limit: &str| {
        let project = project(&[(NAME, sql)]);
        let arguments = [&WITHOUT[..], &["--format", "json", "--limit", limit]].concat();
        project.run_with(&arguments, &[("TMPDIR", temporary.path().to_str().unwrap())])
    };
    let report = succeed(&run("SELECT 1;\nSELECT pg_sleep(600);\n", "1s"), 1);
    let next = migration(&report, NAME);
    assert_eq!(next["verdict"], "fails", "{next:#}");
    let failure = next["failure"].as_str().unwrap();
    assert!(failure.starts_with("line 2: canceling statement due to statement timeout"), "{failure}");
    assert!(failure.ends_with("a statement may take 1.0 s here (--limit)"), "{failure}");
    // One that takes its limit away is ended from outside.
    let run = run("SET statement_timeout = 0;\nSELECT pg_sleep(600);\n", "500ms");
    assert_error(&run, &["a statement ran beyond", "with --limit"]);
    assert_nothing_left(temporary.path());
}

#[test]
fn the_server_of_the_lab_is_killed() {
    if !Path::new("/proc/self/cwd").exists() {
        eprintln!("not tested: no /proc here");
        return;
    }
    // The rehearsal waits for as long as the file says; while the load asks "Order".
    let project =
        project(&[(NAME, "ALTER TABLE \"Order\" ADD COLUMN \"x\" INTEGER;\nSELECT pg_sleep(600);\n")]);
    let temporary = tempfile::tempdir().unwrap();
    processes::open(temporary.path());
    let mut child = project
        .command(&WITHOUT)
        .env("TMPDIR", temporary.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let Some(lab) = wait_until_asleep(temporary.path()) else {
        child.kill().unwrap();
        panic!("no rehearsal: {}", project.of(&child.wait_with_output().unwrap()).both());
    };
    let main = std::fs::read_to_string(lab.join("data/postmaster.pid")).unwrap();
    let status = Command::new("kill").args(["-9", main.lines().next().unwrap()]).status().unwrap();
    assert!(status.success());
    let run = project.of(&child.wait_with_output().unwrap());
    assert_error(&run, &["the lab could not go on: the lab server is gone", "hint: run the command again"]);
    assert_nothing_left(temporary.path());
}

/// The folder of the lab in which a session sleeps and others wait for it, as their process titles say.
fn wait_until_asleep(temporary: &Path) -> Option<PathBuf> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(lab) = labs_in(temporary).pop() {
            let titles: Vec<String> = lab_processes(&lab)
                .into_iter()
                .filter_map(|pid| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok())
                .collect();
            let works = |title: &&String| title.trim_end_matches(['\0', ' ']).ends_with("SELECT");
            let waits = |title: &&String| title.trim_end_matches(['\0', ' ']).ends_with("waiting");
            if titles.iter().any(|title| works(&title)) && titles.iter().any(|title| waits(&title)) {
                return Some(lab);
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}

/// Room for the lab and not for what the migration writes, in a mount namespace.
#[test]
fn the_disk_of_the_lab_is_full() {
    let project = project(&[(
        NAME,
        "CREATE TABLE \"Filler\" AS SELECT n, repeat(md5(n::text), 60) AS t FROM generate_series(1, 300000) n;\n",
    )]);
    let folder = tempfile::tempdir().unwrap();
    processes::open(folder.path());
    let path = folder.path().to_str().unwrap();
    let script = format!(
        "mount -t tmpfs -o size=260m,mode=1777 tmpfs {path} 2>/dev/null || exit 99\n\
         \"$@\"\ncode=$?\necho \"left:\" $(ls -A {path}) >&2\nexit $code"
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "/bin/sh", "-c", &script, "sh", BINARY]).args(WITHOUT);
    let output = command.current_dir(project.path()).env("TMPDIR", path).output();
    let run = output.ok().map(|output| project.of(&output));
    let Some(run) = run.filter(|run| run.code != Some(99) && !run.stderr.contains("unshare")) else {
        eprintln!("not tested: this user may not mount a file system of its own");
        return;
    };
    // The machine is to blame, not the migration.
    assert_error(&run, &["the lab could not go on: no space is left on the disk", "--scale", "TMPDIR"]);
    assert!(run.stderr.trim_end().ends_with("left:"), "nothing is left behind: {}", run.stderr);
    assert_eq!(lab_processes(folder.path()), Vec::<u32>::new());
}

#[test]
fn the_database_and_its_facts_break_down() {
    let Some(production) = Production::start(17) else { return };
    let project = project(&[(NAME, "ALTER TABLE \"Order\" ADD COLUMN \"seen\" BOOLEAN;\n")]);
    let temporary = tempfile::tempdir().unwrap();
    processes::open(temporary.path());
    let run = |arguments: &[&str]| {
        let arguments = [&["migrate", "rehearse", "--quiet"], arguments].concat();
        project.run_with(&arguments, &[("TMPDIR", temporary.path().to_str().unwrap())])
    };
    lost_midway(&production, &run);
    let exported =
        project.run(&["facts", "export", "--url", &production.url(), "--output", "facts.json", "--quiet"]);
    assert_eq!(exported.code, Some(0), "{}", exported.both());
    damaged(&project, &run);
    assert_nothing_left(temporary.path());
}

/// A connection that breaks off at any point of what is read.
fn lost_midway(production: &Production, run: &dyn Fn(&[&str]) -> Run) {
    let folder = tempfile::tempdir().unwrap();
    let socket = production.lab.folder().join(".s.PGSQL.5432");
    for (port, bytes) in [(6001, 20), (6002, 2_000), (6003, 20_000)] {
        cut(&folder.path().join(format!(".s.PGSQL.{port}")), &socket, bytes);
        let (database, place) = (&production.database, folder.path().display());
        let url = format!("postgresql://postgres@localhost:{port}/{database}?host={place}");
        let run = run(&["--url", &url]);
        assert_error(&run, &[]);
        assert!(!run.stderr.contains("the lab"), "it is not the lab's fault: {}", run.stderr);
    }
    let whole = run(&["--url", &production.url()]);
    assert_eq!(whole.code, Some(0), "{}", whole.both());
}

/// Passes connections on, and breaks each off after so many bytes of the server.
fn cut(place: &Path, server: &Path, bytes: usize) {
    let listener = UnixListener::bind(place).unwrap();
    let server = server.to_owned();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut there) = (client.unwrap(), UnixStream::connect(&server).unwrap());
            let (mut from, mut to) = (client.try_clone().unwrap(), there.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            let mut left = bytes;
            let mut buffer = [0; 512];
            while left > 0 {
                let most = left.min(buffer.len());
                let read = there.read(&mut buffer[..most]).unwrap_or(0);
                if read == 0 || client.write_all(&buffer[..read]).is_err() {
                    break;
                }
                left -= read;
            }
            let _gone = (client.shutdown(std::net::Shutdown::Both), there.shutdown(std::net::Shutdown::Both));
        }
    });
}

/// Files of facts that are none, or not wholly.
fn damaged(project: &Project, run: &dyn Fn(&[&str]) -> Run) {
    let text = project.read("facts.json");
    let half = text.len() / 2;
    for (content, says) in [
        (&text.as_bytes()[..half], "no file of facts"),
        (b"".as_slice(), "no file of facts"),
        (b"\xff\xfe{}", "other.json"),
        (text.replacen("\"version\": 1", "\"version\": 2", 1).as_bytes(), "reads up to 1"),
        (text.replacen("\"tables\": [", "\"tables\": {\"x\": [", 1).as_bytes(), "no file of facts"),
        (text.replacen("\"rows\": 4000000.0", "\"rows\": \"many\"", 1).as_bytes(), "no file of facts"),
    ] {
        assert_ne!(content, text.as_bytes(), "{says}");
        project.write("other.json", content);
        assert_error(&run(&["--facts", "other.json"]), &[says]);
    }
    for path in ["nowhere.json", "prisma"] {
        assert_error(&run(&["--facts", path]), &[path]);
    }
    // A schema that the server refuses is said, and the rest is rehearsed.
    let wrong = text.replacen("CREATE TABLE", "CREATE TABEL", 1);
    assert_ne!(wrong, text);
    project.write("other.json", wrong);
    let run = run(&["--facts", "other.json", "--format", "json"]);
    assert!(run.both().contains("TABEL") || run.both().contains("the twin lacks"), "{}", run.both());
    assert_ne!(run.code, Some(0), "a table of the migration is not there: {}", run.both());
    assert!(text.contains(INIT), "the history is among the facts");
}
