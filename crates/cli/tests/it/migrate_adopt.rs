//! Which server `migrate adopt` proves ways back on, and what it and `rollback` say where that is not the database's.

use crate::migrate_rollback::{ADD, INIT, NAMES};
use crate::migrate_support::{Server, migrate, project};
use crate::support::Project;

fn shop() -> Project {
    let project = project(&[(NAMES[0], INIT), (NAMES[1], ADD)]);
    project.write("prisma/migrations/migration_lock.toml", "provider = \"postgresql\"\n");
    project
}

fn proven_on(project: &Project, name: &str) -> String {
    let down = project.read(&format!("prisma/migrations/{name}/down.sql"));
    let line = down.lines().find_map(|line| line.strip_prefix("-- pgsteward-down: server PostgreSQL "));
    line.unwrap_or_else(|| panic!("{down}")).split('.').next().unwrap().to_owned()
}

#[test]
fn ways_back_are_proven_on_the_major_version_of_the_database() {
    for (major, other) in [(15, "17"), (18, "15")] {
        let Some(server) = Server::start(major) else { continue };
        let (database, project) = (server.database(), shop());
        let adopted = migrate(&project, &database, &["adopt", NAMES[1]]);
        assert_eq!(adopted.code, Some(0), "{}", adopted.both());
        assert!(adopted.stdout.contains(&format!("1 proven, 0 with the structure proven and data lost, 0 irreversible, 0 unproven on PostgreSQL {major}.")), "{}", adopted.both());
        assert!(!adopted.stdout.contains("note:"), "{}", adopted.both());
        assert_eq!(proven_on(&project, NAMES[1]), major.to_string());
        // Whoever wants another one gets it, and hears of it where it counts.
        let wanted = migrate(&project, &database, &["adopt", "--again", "--pg-major", other]);
        assert_eq!(wanted.code, Some(0), "{}", wanted.both());
        assert_eq!(proven_on(&project, NAMES[0]), other);
        let kept = migrate(&project, &database, &["adopt"]);
        let said = format!(
            "the database is PostgreSQL {major}, and these were proven on another major version: {} (on {other}.",
            NAMES[0]
        );
        assert!(kept.code == Some(0) && kept.stdout.contains(&said), "{}", kept.both());
        assert!(kept.stdout.contains(&format!("--again proves them on {major}")), "{}", kept.both());
        assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(0));
        let plan = migrate(&project, &database, &["rollback", "--dry-run", "--steps", "2"]);
        assert!(plan.code == Some(0) && plan.stdout.contains(&said), "{}", plan.both());
        let again = migrate(&project, &database, &["adopt", "--again"]);
        assert!(again.code == Some(0) && !again.stdout.contains("note:"), "{}", again.both());
        assert_eq!(proven_on(&project, NAMES[0]), major.to_string());
        let plan = migrate(&project, &database, &["rollback", "--dry-run", "--steps", "2"]);
        assert!(plan.code == Some(0) && !plan.stdout.contains("another major"), "{}", plan.both());
    }
}

#[test]
fn where_no_database_answers_the_report_says_what_was_taken() {
    // Without a server there is nothing to prove on.
    if Server::start(15).is_none() {
        return;
    }
    let project = shop();
    project.write("pgsteward.toml", "[lab]\nmajor = 15\n");
    let adopted = project.run_with(&["migrate", "adopt"], &[]);
    assert_eq!(adopted.code, Some(0), "{}", adopted.both());
    for said in [
        "note: no database was asked for its version (environment variable not found: DATABASE_URL), and pgsteward.toml says 15",
        "unproven on PostgreSQL 15.",
    ] {
        assert!(adopted.stdout.contains(said), "{}", adopted.both());
    }
    let nowhere = "postgresql://nobody@localhost/nothing?host=/nonexistent";
    let of_environment = project.run_with(&["migrate", "adopt", "--again"], &[("DATABASE_URL", nowhere)]);
    assert_eq!(of_environment.code, Some(0), "{}", of_environment.both());
    assert!(
        of_environment.stdout.contains("no database was asked for its version (no server socket at "),
        "{}",
        of_environment.both()
    );
    // What the command line names must answer.
    let named = project.run_with(&["migrate", "adopt", "--again", "--url", nowhere], &[]);
    assert_eq!(named.code, Some(1), "{}", named.both());
    let squashed = project.run_with(&["migrate", "squash", "--to", NAMES[1], "--dry-run"], &[]);
    assert_eq!(squashed.code, Some(0), "{}", squashed.both());
    for said in ["note: no database was asked for its version (--to)", "proven on PostgreSQL 15."] {
        assert!(squashed.stdout.contains(said), "{}", squashed.both());
    }
}
