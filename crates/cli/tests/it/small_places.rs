//! Machines with little room: a container's 64 MB of shared memory, a full disk, one that fills on the way; and
//! a machine whose C library no downloaded PostgreSQL runs with. All are made with a mount namespace; where the
//! user may not make one, the test says so.

use std::process::Command;

use crate::processes;
use crate::support::{BINARY, Project, Run};

/// Runs the binary with a memory file system of `size` over `folder`. What is in it afterwards stands at the end of
/// stderr, after `left:`.
fn run_with_mount(project: &Project, folder: &str, size: &str, temporary: &str) -> Option<Run> {
    let script = format!(
        "mount -t tmpfs -o size={size},mode=1777 tmpfs {folder} 2>/dev/null || exit 99\n\
         \"$@\"\ncode=$?\necho \"left:\" $(ls -A {folder}) >&2\nexit $code"
    );
    let output = Command::new("unshare")
        .args(["--mount", "/bin/sh", "-c", &script, "sh", BINARY])
        .args(["check", "--format", "json"])
        .current_dir(project.path())
        .env("TMPDIR", temporary)
        .output()
        .ok()?;
    let outcome = project.of(&output);
    if outcome.code == Some(99) || outcome.stderr.contains("unshare") {
        eprintln!("not tested: this user may not mount a file system of its own");
        return None;
    }
    Some(outcome)
}

#[test]
fn a_container_with_64_mb_of_shared_memory_is_enough() {
    let project = Project::shop(&[]);
    let temporary = std::env::temp_dir();
    let Some(run) = run_with_mount(&project, "/dev/shm", "64m", temporary.to_str().unwrap()) else { return };
    let review = run.review();
    assert!(review.gap("lab").is_none(), "{:#}", review.json);
}

#[test]
fn a_full_disk_is_said_with_the_next_step() {
    let project = Project::shop(&[]);
    let folder = Project::new(&[]);
    let folder = folder.path().to_str().unwrap();
    // Room for nothing: the lab does not start, and the review goes on without it.
    let Some(run) = run_with_mount(&project, folder, "4m", folder) else { return };
    let review = run.review();
    let gap = review.gap("lab").unwrap_or_else(|| panic!("the lab fits into 4 MB: {:#}", review.json));
    assert!(gap.contains("space") || gap.contains("disk"), "{gap}");
    assert_eq!(review.code, Some(0));
}

#[test]
fn a_disk_that_fills_during_the_replay_ends_the_lab_and_not_the_review() {
    // A lab takes some 50 MB; the second migration writes 200 MB more.
    let fill = "CREATE TABLE filler AS SELECT n, repeat(md5(n::text), 60) AS text FROM generate_series(1, 100000) n;\n";
    let project = Project::shop(&[("prisma/migrations/20260102000000_fill/migration.sql", fill)]);
    let folder = Project::new(&[]);
    processes::open(folder.path());
    let path = folder.path().to_str().unwrap();
    let Some(run) = run_with_mount(&project, path, "120m", path) else { return };
    let review = run.review();
    let gap = review.gap("lab").unwrap_or_else(|| panic!("200 MB fit into 120: {}", run.both()));
    assert!(gap.contains("replay the migrations in the lab"), "it starts and breaks down later: {gap}");
    assert!(gap.contains("no space is left on the disk"), "{gap}");
    assert!(gap.contains("free some space") && gap.contains("TMPDIR"), "the next step: {gap}");
    // The machine is to blame, not the migration.
    assert!(review.of_rule("migration-fails").is_empty(), "{:?}", review.rules());
    assert!(!review.rules().iter().any(|rule| rule.contains("replay")), "{:?}", review.rules());
    let found = review.of_rule("foreign-key-without-index");
    assert_eq!(found.len(), 1, "the review goes on: {}", review.gaps());
    assert_eq!(found[0]["proof"]["verdict"], "unprovable");
    assert_eq!(review.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.trim_end().ends_with("left:"), "nothing is left behind: {}", run.stderr);
    assert_eq!(processes::lab_processes(folder.path()), Vec::<u32>::new());
}

/// The loader of glibc is hidden, as on a machine with musl; the binary is started through another name of it.
#[test]
fn a_machine_with_musl_is_told_what_to_do() {
    let project = Project::shop(&[]);
    let home = Project::new(&[]);
    let loader = home.path().join("loader");
    let original = std::path::Path::new("/lib64/ld-linux-x86-64.so.2");
    let alone = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("ld-"))
    };
    if !original.exists() || !std::fs::read_dir("/lib64").is_ok_and(|mut entries| entries.all(alone)) {
        eprintln!("not tested: glibc's loader is not here, or not alone in a folder that can be hidden");
        return;
    }
    std::fs::copy(original, &loader).unwrap();
    let script = "mount -t tmpfs none /usr/lib/postgresql 2>/dev/null || [ ! -d /usr/lib/postgresql ] || exit 99\n\
                  mount -t tmpfs none /var/cache 2>/dev/null || exit 99\n\
                  mount -t tmpfs none /lib64 2>/dev/null || exit 99\nexec \"$@\"";
    let run = |arguments: &[&str]| {
        let output = Command::new("unshare")
            .args(["--mount", "/bin/sh", "-c", script, "sh"])
            .arg(&loader)
            .arg(BINARY)
            .args(arguments)
            .current_dir(project.path())
            .env_clear()
            .envs([("PATH", "/nonexistent:/bin:/usr/sbin:/sbin"), ("HOME", home.path().to_str().unwrap())])
            .env("XDG_CACHE_HOME", home.path().join("cache"))
            .env("TMPDIR", home.path())
            .output();
        output.ok().filter(|output| output.status.code() != Some(99)).map(|output| project.of(&output))
    };
    let Some(run) = run(&["check", "--format", "json"]).filter(|run| !run.stderr.contains("unshare")) else {
        eprintln!("not tested: this user may not hide the loader");
        return;
    };
    let review = run.review();
    let gap = review.gap("lab").unwrap_or_else(|| panic!("PostgreSQL ran all the same: {}", run.both()));
    assert!(gap.contains("this machine uses musl"), "{gap}");
    assert!(gap.contains("apk add postgresql") && gap.contains("PGSTEWARD_PG_BIN"), "both ways: {gap}");
    assert_eq!(review.of_rule("foreign-key-without-index").len(), 1, "the review goes on");
    assert_eq!(review.code, Some(0));
}
