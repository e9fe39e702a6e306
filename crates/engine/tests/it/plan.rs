//! What a plan writes, and when it refuses to.

use pgsteward_engine::fix::{Plan, Write};

use crate::folder;

fn plan(writes: &[(&str, Option<&str>, &str)]) -> Plan {
    let write = |(path, before, after): &(&str, Option<&str>, &str)| Write {
        path: (*path).to_owned(),
        before: before.map(str::to_owned),
        after: (*after).to_owned(),
    };
    Plan { writes: writes.iter().map(write).collect(), ..Plan::default() }
}

#[test]
fn a_file_that_changed_meanwhile_stops_everything() {
    let root = folder(&[("a.prisma", "new text"), ("b.prisma", "b")]);
    let plan =
        plan(&[("b.prisma", Some("b"), "B"), ("a.prisma", Some("old text"), "A"), ("c/d.sql", None, "D")]);
    let error = plan.write(root.path()).unwrap_err().to_string();
    assert!(error.contains("changed while it was reviewed; nothing was written"), "{error}");
    assert_eq!(std::fs::read_to_string(root.path().join("b.prisma")).unwrap(), "b");
    assert!(!root.path().join("c").exists());
}

#[test]
fn a_new_file_is_never_an_old_one() {
    let root = folder(&[("m/1.sql", "mine")]);
    let error = plan(&[("m/1.sql", None, "theirs")]).write(root.path()).unwrap_err().to_string();
    assert!(error.contains("exists already; nothing was written"), "{error}");
    assert_eq!(std::fs::read_to_string(root.path().join("m/1.sql")).unwrap(), "mine");
}

#[test]
fn files_and_their_folders_are_made_and_marks_kept() {
    let root = folder(&[("a.prisma", "\u{feff}old\r\n")]);
    let plan = plan(&[("a.prisma", Some("old\r\n"), "new\r\n"), ("x/y/z.sql", None, "SELECT 1;\n")]);
    plan.write(root.path()).unwrap();
    assert_eq!(std::fs::read_to_string(root.path().join("a.prisma")).unwrap(), "\u{feff}new\r\n");
    assert_eq!(std::fs::read_to_string(root.path().join("x/y/z.sql")).unwrap(), "SELECT 1;\n");
    let names: Vec<_> =
        std::fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "no half-written file is left: {names:?}");
    let diff = plan.diff();
    assert!(diff.contains("--- a/a.prisma\n+++ b/a.prisma\n"), "{diff}");
    assert!(diff.contains("--- /dev/null\n+++ b/x/y/z.sql\n"), "{diff}");
}
