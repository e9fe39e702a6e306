//! `migrate deploy` when things go wrong: whatever is killed, lost, locked or wrong, the history claims neither more nor
//! less than the database holds, and the next run finishes or says exactly what to do.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use crate::migrate_support::{Database, Server, add, done, migrate, project, spawn_deploy};
use crate::support::{HEAD, Project};

const INIT: &str = "20260101000000_init";
const MORE: &str = "20260102000000_more";

/// Migrations that leave an object each, so that what is applied can be read from the catalog: atomic ones of several
/// statements, and ones that go statement by statement.
pub(crate) fn ladder() -> Project {
    let project = project(&[]);
    for rung in 0..6 {
        let sql = match rung % 3 {
            0 => format!(
                "CREATE TABLE a{rung} (id int PRIMARY KEY);\nCREATE TABLE b{rung} (id int PRIMARY KEY);\n"
            ),
            1 => format!(
                "CREATE TABLE a{rung} (id int);\nCREATE INDEX CONCURRENTLY i{rung} ON a{rung} (id);\nCREATE TABLE b{rung} (id int);\n"
            ),
            _ => format!(
                "CREATE TABLE a{rung} AS SELECT n FROM generate_series(1, 3000) n;\nCREATE TABLE b{rung} (id int);\n"
            ),
        };
        add(&project, &format!("2026010{rung}000000_rung"), &sql);
    }
    project
}

/// What the history claims is what is there: a finished row has all objects of its file, a file without a row none of
/// them, and an unfinished row as many as it counts (one more at most where the last one refuses transactions).
pub(crate) fn history_is_true(database: &Database<'_>) {
    let rows = database.history();
    let relations = database.relations();
    for rung in 0..6 {
        let name = format!("2026010{rung}000000_rung");
        let there = |object: String| relations.contains(&object);
        let (first, second) = (there(format!("a{rung}")), there(format!("b{rung}")));
        let mine: Vec<_> = rows.iter().filter(|row| row.name == name && !row.rolled_back).collect();
        assert!(mine.len() <= 1, "{rows:?}");
        match mine.first() {
            None => assert!(!first && !second, "{name} has no row: {relations:?}"),
            Some(row) if row.finished => {
                assert!(first && second && row.logs.is_none(), "{row:?} {relations:?}");
            }
            Some(row) => {
                assert_eq!(rung % 3, 1, "only a file without a transaction is ever half done: {row:?}");
                assert_eq!(first, row.steps >= 1, "{row:?} {relations:?}");
                assert!(there(format!("i{rung}")) || row.steps < 2, "{row:?} {relations:?}");
                assert!(!second, "the last statement and the end of the row are one: {row:?}");
            }
        }
    }
}

/// `xorshift`, so that the points differ and every run has the same.
pub(crate) fn points(seed: u64, count: usize, below: u64) -> Vec<u64> {
    let mut state = seed;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        })
        .collect()
}

#[test]
fn killed_at_any_point() {
    let Some(server) = Server::start(17) else { return };
    let count: usize =
        std::env::var("PGSTEWARD_FAULTS").ok().and_then(|count| count.parse().ok()).unwrap_or(12);
    let project = ladder();
    // How long it takes undisturbed says where the points lie.
    let whole = server.database();
    let began = std::time::Instant::now();
    assert_eq!(migrate(&project, &whole, &["deploy"]).code, Some(0));
    let whole = u64::try_from(began.elapsed().as_micros()).unwrap();
    let mut hit = 0;
    for point in points(0x5eed, count, whole) {
        let database = server.database();
        let mut child = spawn_deploy(&project, &database, &[]);
        std::thread::sleep(Duration::from_micros(point));
        child.kill().unwrap();
        hit += u32::from(child.wait().unwrap().signal() == Some(9));
        // The server notices; until then it may still be at work.
        database.wait_until(
            "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'pgsteward migrate' AND datname = current_database()",
        );
        history_is_true(&database);
        let run = migrate(&project, &database, &["deploy"]);
        assert_eq!(run.code, Some(0), "after {point} µs: {}", run.both());
        history_is_true(&database);
        assert_eq!(
            database.history().iter().filter(|row| row.finished).count(),
            6,
            "{:?}",
            database.history()
        );
        assert_eq!(database.value("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), "0");
    }
    assert!(hit > 0, "no kill hit a running deploy");
}

#[test]
fn everything_else() {
    let Some(server) = Server::start(17) else { return };
    lost_connection(&server);
    interrupted_and_edited(&server);
    read_only(&server);
    wrong_database(&server);
    files_that_are_wrong(&server);
    eight_at_once(&server);
    held_by_somebody_else(&server);
    little_space(&server);
    full_disk(&server);
}

fn lost_connection(server: &Server) {
    for (sql, left) in [
        ("CREATE TABLE a (id int);\nSELECT pg_sleep(60);\n", 0),
        ("CREATE TABLE a (id int);\nCREATE INDEX CONCURRENTLY i ON a (id);\nSELECT pg_sleep(60);\n", 2),
    ] {
        let database = server.database();
        let project = project(&[(INIT, sql)]);
        let child = spawn_deploy(&project, &database, &[]);
        database.wait_until("SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'");
        database.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'");
        let run = project.of(&child.wait_with_output().unwrap());
        assert_eq!(run.code, Some(1), "{}", run.both());
        let rows = database.history();
        if left == 0 {
            assert!(run.stderr.contains("nothing of it is in the database"), "{}", run.stderr);
            assert!(rows.is_empty() && database.relations().is_empty(), "{rows:?}");
        } else {
            assert!(run.stderr.contains("stopped after 2 of 3 statements"), "{}", run.stderr);
            assert_eq!((rows[0].finished, rows[0].steps), (false, left));
            add(&project, INIT, sql);
            // The rest of the very same text would sleep again: what matters is where it goes on.
            let child = spawn_deploy(&project, &database, &[]);
            database.wait_until(
                "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'",
            );
            assert_eq!(database.relations(), ["a", "i"]);
            database.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'");
            child.wait_with_output().unwrap();
        }
    }
}

/// A file that was edited between its interruption and the next run: what to go on with is not known.
fn interrupted_and_edited(server: &Server) {
    let database = server.database();
    let text = "CREATE TABLE a (id int);\nCREATE INDEX CONCURRENTLY i ON a (id);\nCREATE TABLE b (id int);\n";
    let project = project(&[(INIT, "CREATE TABLE t (id int);"), (MORE, text)]);
    let child = {
        // Holds the name "b", so that the third statement waits and is given up.
        let holder = server.runtime.block_on(database.session());
        server.runtime.block_on(holder.simple("BEGIN; CREATE TABLE b (id int)")).unwrap();
        let child = spawn_deploy(&project, &database, &["--lock-timeout", "100ms", "--lock-retries", "0"]);
        let run = project.of(&child.wait_with_output().unwrap());
        server.runtime.block_on(holder.simple("ROLLBACK")).unwrap();
        run
    };
    assert_eq!(child.code, Some(1));
    assert!(child.stderr.contains("stopped after 2 of 3 statements"), "{}", child.stderr);
    add(&project, MORE, &format!("{text}CREATE TABLE c (id int);\n"));
    let run = migrate(&project, &database, &["deploy"]);
    assert!(
        run.code == Some(1) && run.stderr.contains("P3009") && run.stderr.contains("was edited since"),
        "{}",
        run.both()
    );
    add(&project, MORE, text);
    let run = migrate(&project, &database, &["deploy"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(run.stdout.contains("went on after 2 statements"), "{}", run.stdout);
    assert_eq!(database.history(), [done(INIT), done(MORE)]);
}

fn read_only(server: &Server) {
    let database = server.database();
    database.run(&format!("ALTER DATABASE \"{}\" SET default_transaction_read_only = on", database.name));
    let project = project(&[(INIT, "CREATE TABLE t (id int);")]);
    let run = migrate(&project, &database, &["deploy"]);
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains("takes no writes") && run.stderr.contains("nothing was run"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("hint: name the primary"), "{}", run.stderr);
    assert!(database.history().is_empty());
}

fn wrong_database(server: &Server) {
    let project = project(&[(INIT, "CREATE TABLE t (id int);")]);
    let socket = server.folder().display();
    let cases = [
        ("postgresql://postgres@127.0.0.1:1/x", "P1001"),
        ("postgresql://postgres@no-such-host.invalid/x", "P1001"),
        (&format!("postgresql://nobody_here@localhost/x?host={socket}"), "P1010"),
        ("mysql://root@localhost/x", "P1013"),
        ("postgresql://u:secret-word@127.0.0.1:1/x?pgbouncer=true", "transaction pooler"),
    ];
    for (url, words) in cases {
        let run = project.run_with(&["migrate", "deploy"], &[("DATABASE_URL", url)]);
        assert_eq!(run.code, Some(1), "{url}: {}", run.both());
        assert!(run.stderr.contains(words) && run.stderr.contains("hint:"), "{url}: {}", run.stderr);
        assert!(!run.both().contains("secret-word"));
    }
    let run = project.run(&["migrate", "deploy"]);
    assert!(
        run.code == Some(1) && run.stderr.contains("environment variable not found: DATABASE_URL"),
        "{}",
        run.both()
    );
    // `.env` is read, beside the schema too.
    let database = server.database();
    project.write("prisma/.env", format!("DATABASE_URL=\"{}\"\n", database.url()));
    let run = project.run(&["migrate", "deploy"]);
    assert!(run.code == Some(0) && run.stdout.contains("DATABASE_URL of .env"), "{}", run.both());
}

fn files_that_are_wrong(server: &Server) {
    let database = server.database();
    let refused = |project: &Project, words: &str| {
        let run = migrate(project, &database, &["deploy"]);
        assert_eq!(run.code, Some(1), "{words}: {}", run.both());
        assert!(run.stderr.contains(words) && run.stderr.contains("hint:"), "{words}: {}", run.stderr);
        assert!(
            database.history().is_empty() && database.relations().is_empty(),
            "{words}: nothing is touched"
        );
    };
    let first = project(&[(INIT, "CREATE TABLE t (id int);")]);
    first
        .write(&format!("prisma/migrations/{MORE}/migration.sql"), b"CREATE TABLE m (id int);\n-- caf\xe9\n");
    refused(&first, "is not UTF-8: the first wrong byte is number 31 of the file, in line 2");
    let second = project(&[(INIT, "CREATE TABLE t (id int);")]);
    second.write(&format!("prisma/migrations/{MORE}/README"), "no SQL");
    refused(&second, "P3015");
    refused(&project(&[(&"2".repeat(201), "SELECT 1;")]), "P3010");
    refused(&project(&[(INIT, "BEGIN;\nCREATE TABLE t (id int);\n")]), "never ends");
    refused(
        &project(&[(INIT, "CREATE TABLE t (id int);\nCOPY t FROM stdin;\n1\n\\.\n")]),
        "COPY … FROM STDIN in line 2",
    );
    let other = project(&[(INIT, "CREATE TABLE t (id int);")]);
    other.write("prisma/migrations/migration_lock.toml", "# a comment\nprovider = \"mysql\"\n");
    refused(&other, "P3019");
    let twice = Project::new(&[
        ("migrations/001_a.sql", "CREATE TABLE a (id int);"),
        ("migrations/001_b.sql", "CREATE TABLE b (id int);"),
    ]);
    // The same number twice has an order all the same: that of the names.
    let own = server.database();
    assert_eq!(migrate(&twice, &own, &["deploy"]).code, Some(0));
    assert_eq!(own.history_of("pgsteward_migrations"), [done("001_a"), done("001_b")]);
    let none = Project::new(&[("README.md", "nothing here")]);
    let run = none.run(&["migrate", "deploy"]);
    assert!(run.code == Some(1) && run.stderr.contains("could not find a Prisma schema"), "{}", run.both());

    // Folders in Prisma's order, whatever the order of their making; a late one with an early name still runs.
    let late = server.database();
    let project = Project::new(&[("prisma/schema.prisma", HEAD)]);
    add(&project, "20260103000000_c", "CREATE TABLE c (id int REFERENCES a);");
    add(&project, "20260101000000_a", "CREATE TABLE a (id int PRIMARY KEY);");
    assert_eq!(migrate(&project, &late, &["deploy"]).code, Some(0));
    add(&project, "20260102000000_b", "CREATE TABLE b (id int);");
    assert_eq!(migrate(&project, &late, &["deploy"]).code, Some(0));
    let names: Vec<String> = late.history().into_iter().map(|row| row.name).collect();
    assert_eq!(names, ["20260101000000_a", "20260103000000_c", "20260102000000_b"]);
}

fn eight_at_once(server: &Server) {
    let database = server.database();
    let project = ladder();
    let children: Vec<_> = (0..8).map(|_| spawn_deploy(&project, &database, &[])).collect();
    let runs: Vec<_> =
        children.into_iter().map(|child| project.of(&child.wait_with_output().unwrap())).collect();
    for run in &runs {
        assert_eq!(run.code, Some(0), "{}", run.both());
    }
    let applied = runs.iter().filter(|run| run.stdout.contains("successfully applied")).count();
    assert!(applied >= 1, "at least one did the work");
    history_is_true(&database);
    assert_eq!(database.history().len(), 6, "each migration ran once: {:?}", database.history());
}

fn held_by_somebody_else(server: &Server) {
    let database = server.database();
    let project = project(&[(INIT, "CREATE TABLE t (id int);")]);
    let holder = server.runtime.block_on(database.session());
    server
        .runtime
        .block_on(holder.simple("SET application_name = 'their deploy'; SELECT pg_advisory_lock(72707369)"))
        .unwrap();
    let run = migrate(&project, &database, &["deploy", "--wait", "300ms"]);
    assert_eq!(run.code, Some(1));
    for part in ["P1002", "Timeout: 300ms", "\"their deploy\"", &format!("process {}", holder.backend_pid())]
    {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    assert!(database.history().is_empty());
    let run = project.run_with(
        &["migrate", "deploy"],
        &[("DATABASE_URL", &database.url()), ("PRISMA_SCHEMA_DISABLE_ADVISORY_LOCK", "1")],
    );
    assert_eq!(run.code, Some(0), "{}", run.both());
    // What is up to date needs no lock.
    assert_eq!(migrate(&project, &database, &["deploy", "--wait", "0"]).code, Some(0));
}

/// A full disk, seen by the server as a limit on temporary files: class 53, as "no space left on device" is.
fn little_space(server: &Server) {
    let database = server.database();
    database.run(&format!("ALTER DATABASE \"{}\" SET temp_file_limit = '64kB'", database.name));
    database.run(&format!("ALTER DATABASE \"{}\" SET work_mem = '64kB'", database.name));
    let project = project(&[(
        INIT,
        "CREATE TABLE t AS SELECT n FROM generate_series(1, 200000) n ORDER BY md5(n::text);",
    )]);
    let run = migrate(&project, &database, &["deploy"]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    assert!(
        run.stderr.contains("SQLSTATE 53400") && run.stderr.contains("nothing of it is in the database"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("hint: make room on the server"), "{}", run.stderr);
    assert!(database.history().is_empty() && database.relations().is_empty());
    database.run(&format!("ALTER DATABASE \"{}\" RESET temp_file_limit", database.name));
    assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(0));
}

/// A disk that is really full: a tablespace on a file system of two megabytes, which only root can make.
fn full_disk(server: &Server) {
    let folder = tempfile::Builder::new().prefix("small-").tempdir().unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=2m,mode=777", "tmpfs"])
        .arg(folder.path())
        .output()
        .is_ok_and(|output| output.status.success());
    if !mounted {
        eprintln!("a full disk is not tested: a small file system cannot be mounted here");
        return;
    }
    let database = server.database();
    // The server's user owns its folder, which is how it is known here.
    let space = folder.path().join("space");
    std::fs::create_dir(&space).unwrap();
    let owner = std::fs::metadata(server.folder().join("data"))
        .or_else(|_| std::fs::metadata(server.folder()))
        .unwrap();
    let (user, group) = {
        use std::os::unix::fs::MetadataExt;
        (owner.uid(), owner.gid())
    };
    std::os::unix::fs::chown(&space, Some(user), Some(group)).unwrap();
    std::os::unix::fs::chown(folder.path(), Some(user), Some(group)).unwrap();
    database.run(&format!("CREATE TABLESPACE small LOCATION '{}'", space.display()));
    database.run(&format!("ALTER DATABASE \"{}\" SET default_tablespace = small", database.name));
    let name = "20260101000000_init";
    let project =
        project(&[(name, "CREATE TABLE t AS SELECT md5(n::text) FROM generate_series(1, 100000) n;")]);
    let run = migrate(&project, &database, &["deploy"]);
    let rows = database.history();
    let relations = database.relations();
    database.run(&format!("ALTER DATABASE \"{}\" RESET default_tablespace", database.name));
    database.run("DROP TABLE IF EXISTS _prisma_migrations");
    database.run("DROP TABLESPACE small");
    assert!(std::process::Command::new("umount").arg(folder.path()).status().unwrap().success());
    assert_eq!(run.code, Some(1), "{}", run.both());
    assert!(
        run.stderr.contains("SQLSTATE 53100") && run.stderr.contains("nothing of it is in the database"),
        "{}",
        run.stderr
    );
    assert!(rows.is_empty() && relations.is_empty(), "{rows:?} {relations:?}");
}
