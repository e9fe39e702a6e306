//! Machines with little room: a container's 64 MB of shared memory, a full disk. Both are made with a mount
//! namespace; where the user may not make one, the test says so.

use std::process::Command;

use crate::support::{BINARY, Project, Run};

/// Runs the binary with a memory file system of `size` over `folder`.
fn run_with_mount(project: &Project, folder: &str, size: &str, temporary: &str) -> Option<Run> {
    let script =
        format!("mount -t tmpfs -o size={size},mode=1777 tmpfs {folder} 2>/dev/null || exit 99\nexec \"$@\"");
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
