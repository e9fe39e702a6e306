//! `lab up`, `down`, `snapshot`, `restore`: a development server that outlives the command, follows git, and loses
//! nothing when something dies.

use std::path::PathBuf;
use std::process::Stdio;

use pgsteward_lab::{Lab, LabOptions};
use pgsteward_pg::{Permit, ServerUrl, WriteSession};

use crate::servers::Server;
use crate::support::{Project, Run};

/// A project with its own data folder; its server is removed at the end, whatever the test says.
struct Home {
    project: Project,
    data: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Home {
    fn new(files: &[(&str, &str)]) -> Home {
        let data = tempfile::Builder::new().prefix("data-").tempdir().unwrap();
        // As root the server's own user passes through it.
        std::fs::set_permissions(data.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        Home { project: Project::new(files), data, runtime }
    }

    fn lab(&self, arguments: &[&str]) -> Run {
        let data = self.data.path().display().to_string();
        self.project.run_with(&[&["lab"], arguments].concat(), &[("XDG_DATA_HOME", &data)])
    }

    /// Starts the server of a major version; none where this machine has no such PostgreSQL.
    fn up(&self, major: &str) -> Option<String> {
        let run = self.lab(&["up", "--major", major, "--format", "json"]);
        if run.code != Some(0) {
            assert!(run.stderr.contains("hint:"), "{}", run.both());
            eprintln!("not tested on PostgreSQL {major}: {}", run.stderr);
            return None;
        }
        let report = run.json();
        if !report["server_version"].as_str().unwrap().starts_with(major) {
            eprintln!("not tested on PostgreSQL {major}: there is only {}", report["server_version"]);
            return None;
        }
        Some(report["url"].as_str().unwrap().to_owned())
    }

    fn try_rows(&self, url: &str, sql: &str) -> Result<Vec<Vec<Option<String>>>, String> {
        self.runtime.block_on(async {
            let url = ServerUrl::parse(url).unwrap();
            let session = WriteSession::connect(&url, Permit::for_url(&url, "test"))
                .await
                .map_err(|error| error.to_string())?;
            let rows = session.rows(sql).await.map_err(|error| error.message);
            session.close().await;
            rows
        })
    }

    fn value(&self, url: &str, sql: &str) -> String {
        self.try_rows(url, sql).unwrap()[0][0].clone().unwrap_or_default()
    }

    fn folder(&self) -> PathBuf {
        let servers = self.data.path().join("pgsteward/servers");
        std::fs::read_dir(servers).unwrap().next().unwrap().unwrap().path()
    }

    fn postmaster(&self) -> i32 {
        let text = std::fs::read_to_string(self.folder().join("data/postmaster.pid")).unwrap();
        text.lines().next().unwrap().parse().unwrap()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.lab(&["down", "--remove"]);
    }
}

fn kill(pid: i32) {
    let killed =
        std::process::Command::new("kill").args(["-9", &pid.to_string()]).stderr(Stdio::null()).status();
    assert!(killed.unwrap().success());
    while std::path::Path::new(&format!("/proc/{pid}/cwd")).read_link().is_ok() {
        std::thread::yield_now();
    }
}

#[test]
fn the_server_stays_with_its_data_until_it_is_removed() {
    for major in ["17", "15"] {
        let home = Home::new(&[("package.json", "{}"), ("app/index.ts", "")]);
        let Some(url) = home.up(major) else { continue };
        home.try_rows(&url, "CREATE TABLE kept AS SELECT 1 AS id").unwrap();
        // Prisma makes and drops its shadow database here.
        home.try_rows(&url, "CREATE DATABASE shadow").unwrap();
        home.try_rows(&url, "DROP DATABASE shadow").unwrap();
        assert_eq!(home.value(&url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"), "f");

        // A throw-away lab that starts sweeps up after dead ones, and leaves this one alone.
        let swept = home
            .runtime
            .block_on(Lab::start(&LabOptions { major: major.parse().ok(), ..LabOptions::default() }));
        home.runtime.block_on(swept.unwrap().stop()).unwrap();
        assert_eq!(home.value(&url, "SELECT id FROM kept"), "1");

        // The same server from a folder below, without another word than the URL.
        let again = home.lab(&["up", "--quiet", "--project", "app"]);
        assert_eq!((again.stdout.trim(), again.stderr.as_str()), (url.as_str(), ""));

        let down = home.lab(&["down"]);
        assert!(down.stdout.contains("Stopped."), "{}", down.both());
        assert!(home.try_rows(&url, "SELECT 1").is_err());
        let refused = home.lab(&["snapshot", "one"]);
        assert_eq!(refused.code, Some(1));
        assert!(refused.stderr.contains("hint: `pgsteward lab up` starts it"), "{}", refused.stderr);
        assert_eq!(home.up(major).unwrap(), url, "the URL stays");
        assert_eq!(home.value(&url, "SELECT id FROM kept"), "1");

        let wrong = url.replacen("postgres:", "postgres:x", 1);
        let refused = home.try_rows(&wrong, "SELECT 1").unwrap_err();
        assert!(refused.contains("password"), "{refused}");
        let removed = home.lab(&["down", "--remove"]);
        assert!(removed.stdout.contains("removed"), "{}", removed.both());
        assert!(!home.data.path().join("pgsteward/servers").read_dir().unwrap().any(|_| true));
    }
}

#[test]
fn a_killed_server_and_a_stale_process_id_are_no_obstacle() {
    let home = Home::new(&[("package.json", "{}")]);
    let Some(url) = home.up("17") else { return };
    home.try_rows(&url, "CREATE TABLE kept AS SELECT 1 AS id").unwrap();
    let pid = home.postmaster();
    kill(pid);
    // The number went to another process meanwhile: ours, which is no server.
    let file = home.folder().join("data/postmaster.pid");
    let text = std::fs::read_to_string(&file).unwrap();
    let stale = text.replacen(&pid.to_string(), &std::process::id().to_string(), 1);
    std::fs::write(&file, stale).unwrap();
    assert_eq!(home.up("17").unwrap(), url);
    assert_eq!(home.value(&url, "SELECT id FROM kept"), "1");
    assert_ne!(home.postmaster(), pid);
}

#[test]
fn a_taken_port_and_a_foreign_folder_are_left_to_their_owners() {
    let home = Home::new(&[("package.json", "{}")]);
    let Some(url) = home.up("17") else { return };
    home.lab(&["down"]);
    let port: u16 = url.rsplit_once(':').unwrap().1.split('/').next().unwrap().parse().unwrap();
    let other = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let moved = home.lab(&["up", "--format", "json"]).json();
    assert_ne!(moved["port"], port);
    assert!(moved["notes"][0].as_str().unwrap().contains("is taken by another program"), "{moved}");
    assert_eq!(home.value(moved["url"].as_str().unwrap(), "SELECT 1"), "1");
    drop(other);

    home.lab(&["down"]);
    let kept = home.folder().join("server.json");
    let text = std::fs::read_to_string(&kept).unwrap();
    let folder = home.project.path().canonicalize().unwrap().display().to_string();
    std::fs::write(&kept, text.replace(&folder, "/somewhere/else")).unwrap();
    for verb in ["up", "down"] {
        let refused = home.lab(&[verb]);
        assert_eq!(refused.code, Some(1));
        assert!(refused.stderr.contains("of another project, \"/somewhere/else\""), "{}", refused.stderr);
    }
    std::fs::write(&kept, text).unwrap();
}

#[test]
fn the_database_follows_the_git_branch() {
    let home = Home::new(&[("package.json", "{}")]);
    home.project.commit_all();
    let Some(url) = home.up("17") else { return };
    home.try_rows(&url, "CREATE TABLE t AS SELECT 'main' AS branch").unwrap();
    let taken = home.lab(&["snapshot"]);
    assert!(taken.stdout.contains("Snapshot \"main\" taken"), "{}", taken.both());
    let refused = home.lab(&["snapshot"]);
    assert!(refused.stderr.contains("there is a snapshot \"main\" already"), "{}", refused.stderr);
    assert_eq!(refused.code, Some(1));

    home.project.git(&[
        "switch",
        "--quiet",
        "--create",
        "feature/ünd-a-very-long-name-that-no-database-could-have-itself",
    ]);
    let begun = home.lab(&["restore"]);
    assert!(begun.stdout.contains("has no snapshot: it goes on with"), "{}", begun.both());
    home.try_rows(&url, "UPDATE t SET branch = 'feature'").unwrap();

    home.project.git(&["switch", "--quiet", "main"]);
    let back = home.lab(&["restore"]);
    assert!(back.stdout.contains("Snapshot \"main\" restored"), "{}", back.both());
    assert_eq!(home.value(&url, "SELECT branch FROM t"), "main");
    home.project.git(&["switch", "--quiet", "-"]);
    assert_eq!(home.lab(&["restore"]).code, Some(0));
    assert_eq!(home.value(&url, "SELECT branch FROM t"), "feature");

    // What a restore replaced comes back.
    home.try_rows(&url, "UPDATE t SET branch = 'unsaved'").unwrap();
    assert_eq!(home.lab(&["restore", "main"]).code, Some(0));
    assert_eq!(home.value(&url, "SELECT branch FROM t"), "main");
    assert_eq!(home.lab(&["restore", "previous"]).code, Some(0));
    assert_eq!(home.value(&url, "SELECT branch FROM t"), "unsaved");
    let unknown = home.lab(&["restore", "nothing"]);
    assert!(unknown.stderr.contains("hint: there are:"), "{}", unknown.stderr);
    assert_eq!(home.value(&url, "SELECT branch FROM t"), "unsaved");
    let listed = home.lab(&["snapshot", "--list"]);
    assert_eq!(listed.stdout.lines().count(), 3, "{}", listed.stdout);
}

#[test]
fn it_is_like_the_server_that_is_named_and_psql_opens_on_it() {
    let Some(production) = Server::start(15) else { return };
    production.run("postgres", "CREATE DATABASE shop");
    production.run("shop", "CREATE EXTENSION pg_trgm");
    let home = Home::new(&[("package.json", "{}")]);
    let run = home.lab(&["up", "--url", &production.url("shop"), "--format", "json"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    let report = run.json();
    assert!(report["server_version"].as_str().unwrap().starts_with("15"), "{report}");
    let url = report["url"].as_str().unwrap();
    assert_eq!(home.value(url, "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'"), "pg_trgm");
    // It was only read.
    assert_eq!(
        production.rows("shop", "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"),
        ["0"]
    );

    let database = url.rsplit_once('/').unwrap().1.split('?').next().unwrap();
    let asked = home.lab(&["psql", "--", "-XAtc", "SELECT current_database()"]);
    if asked.code == Some(0) {
        assert_eq!(asked.stdout.trim(), database, "{}", asked.both());
    } else {
        assert!(asked.stderr.contains("there is no psql on this machine\nhint: "), "{}", asked.both());
    }
    assert!(!asked.both().contains("postgresql://"), "no password is printed: {}", asked.both());
    home.lab(&["down"]);
    let stopped = home.lab(&["psql"]);
    assert_eq!(stopped.code, Some(1));
    assert!(stopped.stderr.contains("hint: `pgsteward lab up` starts it"), "{}", stopped.both());
}
