//! When things go wrong: a clear sentence, a next step, and everything else reviewed all the same.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::support::{BINARY, HEAD, Project, Run, SHOP, SHOP_SQL};

const RULE: &str = "foreign-key-without-index";
const PASSWORD: &str = "s3cr3t-w0rd";
const MIGRATION: &str = "prisma/migrations/20260102000000_more/migration.sql";

/// Used wrongly or failed: exit code 2, nothing on stdout, an error and a hint.
fn assert_refused(run: &Run) {
    assert_eq!(run.code, Some(2), "{}", run.both());
    assert_eq!(run.stdout, "");
    assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
    assert!(run.stderr.contains("\nhint: "), "{}", run.stderr);
}

#[test]
fn a_path_that_is_not_there() {
    let run = Project::new(&[]).run(&["check", "nowhere"]);
    assert_refused(&run);
    insta::assert_snapshot!("path_that_does_not_exist", run.snapshot());
}

#[test]
fn a_path_that_is_no_project() {
    let project = Project::new(&[("README.md", "nothing"), ("notes.sql", "SELECT 1;")]);
    let run = project.run(&["check"]);
    assert_refused(&run);
    insta::assert_snapshot!("path_that_is_no_project", run.snapshot());
    let run = project.run(&["check", "README.md"]);
    assert_refused(&run);
    insta::assert_snapshot!("path_that_is_another_file", run.snapshot());
}

#[test]
fn a_schema_that_cannot_be_read_is_named_when_nothing_else_is_there() {
    let project = Project::new(&[]);
    project.write("prisma/schema.prisma", b"datasource db {\n  provider = \"postgresql\"\n}\n// \xff\n");
    let run = project.run(&["check", "--no-lab"]);
    assert_refused(&run);
    assert!(run.stderr.contains("schema.prisma") && run.stderr.contains("not UTF-8"), "{}", run.stderr);
}

#[test]
fn a_migration_that_is_no_text() {
    let project = Project::shop(&[]);
    project.write(MIGRATION, b"CREATE TABLE a (t text DEFAULT '\xe9');\n");
    let review = project.check(&["--no-lab", "--all-migrations"]);
    assert!(review.gaps().contains("not UTF-8 (first wrong byte at offset 32)"), "{}", review.gaps());
    assert!(review.gaps().contains(MIGRATION), "{}", review.gaps());
    assert_eq!(review.of_rule(RULE).len(), 1, "the rest is reviewed");
    assert_eq!(review.code, Some(0));
}

#[test]
fn a_huge_migration() {
    let project = Project::shop(&[]);
    let mut text = String::from("CREATE TABLE seed (id int);\n");
    text.push_str(&"-- padding padding padding padding padding padding padding\n".repeat(300_000));
    project.write(MIGRATION, text);
    let review = project.check(&["--no-lab"]);
    assert!(review.gaps().contains("files over 16777216 bytes are left out"), "{}", review.gaps());
    assert_eq!(review.of_rule(RULE).len(), 1, "the rest is reviewed");
}

#[test]
fn a_folder_in_place_of_a_file() {
    let project = Project::shop(&[]);
    project.write("prisma/migrations/20260102000000_more/migration.sql/odd.txt", "x");
    project.write("other/schema.prisma/odd.txt", "x");
    std::fs::create_dir(project.path().join(".env")).unwrap();
    let review = project.check(&["--no-lab"]);
    assert_eq!(review.migrations(), (1, 0));
    assert_eq!(review.of_rule(RULE).len(), 1);
}

#[test]
fn a_file_that_may_not_be_read() {
    let project = Project::shop(&[(MIGRATION, "SELECT 1;\n")]);
    let path = project.path().join(MIGRATION);
    let mut permissions = std::fs::metadata(&path).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0);
    std::fs::set_permissions(&path, permissions).unwrap();
    if std::fs::read(&path).is_ok() {
        eprintln!("not tested: permission bits do not bind this user");
        return;
    }
    let review = project.check(&["--no-lab"]);
    assert!(review.gaps().contains("could not be read"), "{}", review.gaps());
    assert_eq!(review.of_rule(RULE).len(), 1);
}

#[test]
fn links_in_a_circle_and_out_of_the_tree() {
    let outside = Project::new(&[
        ("secret", "DATABASE_PASSWORD=hunter2\n"),
        ("elsewhere/20260103000000_x/migration.sql", "CREATE TABLE hunter2 (id int);\n"),
        ("schema/schema.prisma", HEAD),
    ]);
    let project = Project::shop(&[]);
    symlink(".", project.path().join("circle")).unwrap();
    symlink("b", project.path().join("a")).unwrap();
    symlink("a", project.path().join("b")).unwrap();
    symlink(outside.path().join("schema"), project.path().join("linked")).unwrap();
    std::fs::create_dir(project.path().join("prisma/migrations/20260102000000_link")).unwrap();
    symlink(
        outside.path().join("secret"),
        project.path().join("prisma/migrations/20260102000000_link/migration.sql"),
    )
    .unwrap();
    symlink(outside.path().join("secret"), project.path().join(".env")).unwrap();
    symlink(
        outside.path().join("elsewhere/20260103000000_x"),
        project.path().join("prisma/migrations/20260103000000_x"),
    )
    .unwrap();
    let run = project.run(&["check", "--all-migrations", "--verbose"]);
    assert!(!run.both().contains("hunter2"), "a link out of the tree was followed: {}", run.both());
    let review = project.check(&["--no-lab", "--all-migrations"]);
    assert_eq!(review.schemas(), ["prisma/schema.prisma"]);
    assert!(review.gaps().contains("symbolic link"), "{}", review.gaps());
    assert_eq!(review.of_rule(RULE).len(), 1);

    // The whole folder of migrations can be such a link.
    let project = Project::new(&[("prisma/schema.prisma", &format!("{HEAD}\n{SHOP}"))]);
    symlink(outside.path().join("elsewhere"), project.path().join("prisma/migrations")).unwrap();
    let run = project.run(&["check", "--no-lab", "--all-migrations", "--format", "json"]);
    assert!(!run.both().contains("hunter2"), "{}", run.both());
    assert!(run.review().gaps().contains("symbolic link"), "{}", run.review().gaps());
}

#[test]
fn a_syntax_error_in_sql_is_a_finding_at_its_line() {
    let project =
        Project::shop(&[(MIGRATION, "CREATE TABLE a (id int PRIMARY KEY);\n\nCREATE TABEL b (id int);\n")]);
    for arguments in [["--all-migrations", "--no-lab"].as_slice(), &["--all-migrations"]] {
        let review = project.check(arguments);
        let errors: Vec<_> = review
            .findings()
            .iter()
            .filter(|finding| finding["location"]["file"] == MIGRATION && finding["location"]["line"] == 3)
            .collect();
        assert!(
            errors.iter().any(|finding| finding["severity"] == "error"),
            "{arguments:?}: {:?}\n{}",
            review.rules(),
            review.gaps()
        );
        assert_eq!(review.of_rule(RULE).len(), 1, "the rest is reviewed");
        assert_eq!(review.code, Some(1));
    }
}

#[test]
fn a_syntax_error_in_a_schema_is_a_finding_at_its_line() {
    let schema = format!("{HEAD}\n{SHOP}\nmodel Broken {{\n  id Int @id\n  name String @@@\n  other\n}}\n");
    let project = Project::shop(&[("prisma/schema.prisma", &schema)]);
    let line = schema.lines().position(|line| line.contains("@@@")).unwrap() + 1;
    let review = project.check(&["--no-lab"]);
    assert!(
        review.findings().iter().any(|finding| finding["severity"] == "error"
            && finding["location"]["file"] == "prisma/schema.prisma"
            && finding["location"]["line"] == line),
        "{:?}\n{}",
        review.rules(),
        review.gaps()
    );
    assert_eq!(review.of_rule(RULE).len(), 1, "the rest is reviewed");
    assert_eq!(review.of_rule("schema-not-migrated").len(), 0, "half a schema is no measure of drift");
    assert_eq!(review.code, Some(1));
}

#[test]
fn a_migration_that_the_server_refuses_is_a_finding_with_the_servers_words() {
    let project = Project::shop(&[(
        MIGRATION,
        "CREATE TABLE a (id int PRIMARY KEY);\nALTER TABLE nowhere ADD COLUMN x int;\n",
    )]);
    let review = project.check(&[]);
    let finding = review
        .findings()
        .iter()
        .find(|finding| finding["location"]["file"] == MIGRATION && finding["location"]["line"] == 2)
        .unwrap_or_else(|| panic!("{:?}\n{}", review.rules(), review.gaps()));
    assert_eq!(finding["severity"], "error");
    assert!(finding.to_string().contains("does not exist"), "{finding:#}");
    assert!(finding["evidence"].to_string().contains("42P01"), "{finding:#}");
    assert_eq!(review.of_rule(RULE).len(), 1, "the rest is reviewed");
    assert_eq!(review.code, Some(1));
}

#[test]
fn a_broken_configuration() {
    for (name, text) in [
        ("config_syntax_error", "[check\nselect = []\n"),
        ("config_unknown_key", "[check]\nselct = [\"index\"]\n"),
        ("config_unknown_rule", "[check]\nignore = [\"foreign-key-without-indexes\"]\n"),
        ("config_severity_of_a_group", "[severity]\nindex = \"info\"\n"),
        ("config_bad_glob", "[[allow]]\nrule = \"money-in-float\"\nobject = \"Order.[\"\nreason = \"x\"\n"),
        ("config_bad_date", "[[allow]]\nrule = \"money-in-float\"\nuntil = \"soon\"\n"),
    ] {
        let project = Project::shop(&[("pgsteward.toml", text)]);
        let run = project.run(&["check", "--no-lab"]);
        assert_refused(&run);
        insta::assert_snapshot!(name, run.snapshot());
    }
}

#[test]
fn a_rule_that_does_not_exist() {
    let project = Project::shop(&[]);
    let run = project.run(&["check", "--no-lab", "--select", "foreign-key-without-indexes"]);
    assert_refused(&run);
    insta::assert_snapshot!("select_an_unknown_rule", run.snapshot());
    let run = project.run(&["check", "--no-lab", "--ignore", "zzzzzzzzzzzzzzzzzzzzzzzzzz"]);
    assert_refused(&run);
    assert!(!run.stderr.contains("did you mean"), "nothing comes near: {}", run.stderr);
}

#[test]
fn a_baseline_that_is_not_there_or_is_none() {
    let project = Project::shop(&[
        ("broken.json", "{\"version\": 1,"),
        ("new.json", "{\"version\": 9, \"findings\": []}"),
    ]);
    for (name, file) in [
        ("baseline_missing", "nowhere.json"),
        ("baseline_broken", "broken.json"),
        ("baseline_of_the_future", "new.json"),
    ] {
        let run = project.run(&["check", "--no-lab", "--baseline", file]);
        assert_refused(&run);
        insta::assert_snapshot!(name, run.snapshot());
    }
}

/// Answers every first message with an ErrorResponse of the protocol.
fn refusing_server(sqlstate: &str, message: &str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let fields = format!("SFATAL\0VFATAL\0C{sqlstate}\0M{message}\0\0");
    let mut answer = vec![b'E'];
    answer.extend(u32::try_from(fields.len() + 4).unwrap().to_be_bytes());
    answer.extend(fields.bytes());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 1024];
            // A client that hangs up early has seen enough.
            if stream.read(&mut buffer).is_ok() {
                let _hung_up = stream.write_all(&answer);
            }
        }
    });
    port
}

/// A port that nobody listens on. Below those that the system hands out: one of them might be another test's by the time
/// it is asked.
fn closed_port() -> u16 {
    let first = 10_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (first..first + 1_000).find(free).unwrap()
}

#[test]
fn urls_that_lead_nowhere() {
    let closed = closed_port();
    let wrong = refusing_server("28P01", "password authentication failed for user \"u\"");
    let unknown = refusing_server("3D000", "database \"gone\" does not exist");
    let project = Project::shop(&[]);
    for (name, url) in [
        ("url_refused_port", format!("postgresql://u:{PASSWORD}@127.0.0.1:{closed}/db")),
        ("url_wrong_password", format!("postgresql://u:{PASSWORD}@127.0.0.1:{wrong}/db?sslmode=disable")),
        (
            "url_unknown_database",
            format!("postgresql://u:{PASSWORD}@127.0.0.1:{unknown}/gone?sslmode=disable"),
        ),
        ("url_mysql", format!("mysql://u:{PASSWORD}@localhost/db")),
        ("url_prisma", format!("prisma://accelerate.prisma-data.net/?api_key={PASSWORD}")),
        ("url_prisma_postgres", format!("prisma+postgres://localhost:51213/?api_key={PASSWORD}")),
        ("url_unknown_host", format!("postgresql://u:{PASSWORD}@no-such-host.invalid/db")),
        ("url_bad_port", format!("postgresql://u:{PASSWORD}@localhost:many/db")),
        ("url_password_with_slash", format!("postgresql://u:{PASSWORD}/x@localhost/db")),
        ("url_nonsense", PASSWORD.to_owned()),
    ] {
        for arguments in [["check", "--url", &url].as_slice(), &["check", ".", "--verbose", "--url", &url]] {
            let run = project.run(arguments);
            assert_refused(&run);
            assert!(!run.both().contains(PASSWORD), "{name}: {}", run.both());
            let ports = [closed, wrong, unknown].map(|port| port.to_string());
            let text = ports.iter().fold(run.snapshot(), |text, port| text.replace(port.as_str(), "[port]"));
            insta::assert_snapshot!(name, text);
        }
        // The same through the environment, and through doctor, which reports rather than fails.
        let run = project.run_with(&["check"], &[("PGSTEWARD_URL", &url)]);
        assert_eq!(run.code, Some(2), "{name}");
        assert!(!run.both().contains(PASSWORD), "{name}: {}", run.both());
        let run = project.run_with(&["check", "--url", "env"], &[("DATABASE_URL", &url)]);
        assert_eq!(run.code, Some(2), "{name}");
        assert!(!run.both().contains(PASSWORD), "{name}: {}", run.both());
        let run = project.run(&["doctor", "--url", &url]);
        assert_eq!(run.code, Some(1), "{name}: {}", run.both());
        assert!(!run.both().contains(PASSWORD), "{name}: {}", run.both());
        // Not among the environment that help shows, either.
        let run = project.run_with(&["check", "--help"], &[("PGSTEWARD_URL", &url)]);
        assert!(!run.both().contains(PASSWORD), "{name}: {}", run.both());
    }
}

#[test]
fn an_environment_without_a_url() {
    let project = Project::shop(&[]);
    let run = project.run(&["check", "--url", "env"]);
    assert_refused(&run);
    insta::assert_snapshot!("url_env_without_one", run.snapshot());
    // .env is read where it is asked for, beside a file named as PATH as well.
    project.write("prisma/.env", format!("DATABASE_URL=\"postgresql://u:{PASSWORD}@127.0.0.1:1/db\"\n"));
    for path in ["prisma", "prisma/schema.prisma"] {
        let run = project.run(&["check", path, "--url", "env"]);
        assert_refused(&run);
        assert!(run.stderr.contains("127.0.0.1:1"), "{}", run.stderr);
        assert!(!run.both().contains(PASSWORD), "{}", run.both());
    }
    // And not otherwise: a check without --url connects to nothing.
    project.write(".env", format!("DATABASE_URL=\"postgresql://u:{PASSWORD}@127.0.0.1:1/db\"\n"));
    let run = project.run(&["check", "--no-lab", "--verbose"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(!run.both().contains(PASSWORD), "{}", run.both());
}

#[test]
fn secrets_in_files_are_found_and_not_shown() {
    let schema = format!(
        "datasource db {{\n  provider = \"postgresql\"\n  url      = \"postgresql://shop:{PASSWORD}@db.shop-of-mine.net/shop\"\n}}\n\n{SHOP}"
    );
    let project = Project::shop(&[
        ("prisma/schema.prisma", &schema),
        (
            ".env",
            &format!(
                "DATABASE_URL=postgresql://shop:{PASSWORD}@db.shop-of-mine.net/shop\nOTHER={PASSWORD}\n"
            ),
        ),
    ]);
    project.commit_all();
    for format in ["terminal", "json", "sarif", "markdown", "github", "agent"] {
        let run = project.run(&["check", "--no-lab", "--verbose", "--format", format]);
        assert!(run.stdout.contains("literal-credentials"), "{format}: {}", run.stdout);
        assert!(!run.both().contains(PASSWORD), "{format}: {}", run.both());
    }
}

#[test]
fn a_folder_without_postgres_leaves_a_static_review() {
    let project = Project::shop(&[]);
    let empty = Project::new(&[]);
    let folder = empty.path().to_str().unwrap();
    let output = project
        .command(&["check", "--offline", "--format", "json"])
        .env("PGSTEWARD_PG_BIN", folder)
        .output()
        .unwrap();
    let review = project.of(&output).review();
    let gap = review.gap("lab").unwrap();
    assert!(gap.contains("PGSTEWARD_PG_BIN") && gap.contains("there is no initdb in it"), "{gap}");
    assert_eq!(review.of_rule(RULE).len(), 1, "the review goes on");
    assert_eq!(review.of_rule(RULE)[0]["proof"]["verdict"], "unprovable");
    assert_eq!(review.code, Some(0));
    let strict = project.run_with(&["check", "--offline", "--strict"], &[("PGSTEWARD_PG_BIN", folder)]);
    assert_eq!(strict.code, Some(2), "{}", strict.both());
    assert!(strict.stdout.contains(RULE), "the review is printed all the same");
    assert!(strict.stderr.contains("--strict"), "{}", strict.stderr);
}

/// Where the user may make a mount namespace, the installed PostgreSQL is hidden behind an empty folder.
#[test]
fn no_postgres_and_no_network() {
    let project = Project::shop(&[]);
    let home = Project::new(&[]);
    let script = "mount -t tmpfs none /usr/lib/postgresql 2>/dev/null || [ ! -d /usr/lib/postgresql ] || exit 99\n\
                  mount -t tmpfs none /var/cache 2>/dev/null || exit 99\nexec \"$@\"";
    let run = |arguments: &[&str], environment: &[(&str, &str)]| {
        let output = Command::new("unshare")
            .args(["--mount", "/bin/sh", "-c", script, "sh", BINARY])
            .args(arguments)
            .current_dir(project.path())
            .env_clear()
            .envs([("PATH", "/nonexistent:/bin:/usr/sbin:/sbin"), ("HOME", home.path().to_str().unwrap())])
            .env("XDG_CACHE_HOME", home.path().join("cache"))
            .env("TMPDIR", home.path())
            .envs(environment.iter().copied())
            .output();
        output.ok().filter(|output| output.status.code() != Some(99)).map(|output| project.of(&output))
    };
    let Some(offline) = run(&["check", "--offline", "--format", "json"], &[]) else {
        eprintln!("not tested: this user may not hide the installed PostgreSQL");
        return;
    };
    if offline.stderr.contains("unshare") {
        eprintln!("not tested: {}", offline.stderr);
        return;
    }
    let review = offline.review();
    let gap =
        review.gap("lab").unwrap_or_else(|| panic!("PostgreSQL was found all the same: {:#}", review.json));
    assert!(gap.contains("no PostgreSQL was found on this machine"), "{gap}");
    assert!(
        gap.contains("install PostgreSQL") && gap.contains("one download of about 23 MB"),
        "the two ways: {gap}"
    );
    assert_eq!(review.of_rule(RULE).len(), 1);
    assert_eq!(review.code, Some(0));
    let strict = run(&["check", "--offline", "--strict"], &[]).unwrap();
    assert_eq!(strict.code, Some(2));
    // A registry that nobody answers for: said, and the review goes on.
    let unreachable =
        run(&["check", "--format", "json"], &[("npm_config_registry", "http://127.0.0.1:1/")]).unwrap();
    let review = unreachable.review();
    let gap = review.gap("lab").unwrap();
    assert!(gap.contains("could not reach http://127.0.0.1:"), "{gap}");
    assert!(gap.contains("install PostgreSQL"), "{gap}");
    assert_eq!(review.of_rule(RULE).len(), 1);
    let doctor = run(&["doctor"], &[]).unwrap();
    assert!(doctor.stdout.contains("no PostgreSQL on this machine"), "{}", doctor.stdout);
    assert!(doctor.stdout.contains("install PostgreSQL or set PGSTEWARD_PG_BIN"), "{}", doctor.stdout);
}

#[test]
fn a_home_that_cannot_be_written() {
    let project = Project::shop(&[]);
    // A file where the folder would have to be made: permission bits do not bind root.
    let blocked = Project::new(&[("file", "")]);
    let nowhere = blocked.path().join("file/home");
    let nowhere = nowhere.to_str().unwrap();
    let environment = [("HOME", nowhere), ("XDG_CACHE_HOME", nowhere)];
    let run = project.run_with(&["check", "--format", "json"], &environment);
    let review = run.review();
    assert_eq!(review.code, Some(0), "{}", run.both());
    assert_eq!(review.of_rule(RULE)[0]["proof"]["verdict"], "proven", "{}", review.gaps());
}

#[test]
fn a_reader_that_has_seen_enough() {
    let project = Project::shop(&[]);
    let output = Command::new("sh")
        .args(["-c", "\"$0\" check --no-lab --verbose | head -1", BINARY])
        .current_dir(project.path())
        .output()
        .unwrap();
    let run = project.of(&output);
    assert_eq!(run.stderr, "");
    assert_eq!(run.stdout.lines().count(), 1);
}

#[test]
fn gaps_are_errors_only_when_asked() {
    let project = Project::shop(&[]);
    assert_eq!(project.run(&["check", "--no-lab"]).code, Some(0));
    let strict = project.run(&["check", "--no-lab", "--strict"]);
    assert_eq!(strict.code, Some(2));
    assert!(strict.stderr.contains("could not be checked"), "{}", strict.stderr);
}

#[test]
fn a_check_of_a_history_that_does_not_replay_goes_on() {
    let project = Project::new(&[
        ("prisma/schema.prisma", &format!("{HEAD}\n{SHOP}")),
        ("prisma/migrations/1_init/migration.sql", "CREATE EXTENSION no_such_extension;\n"),
        ("prisma/migrations/2_init/migration.sql", SHOP_SQL),
    ]);
    let review = project.check(&[]);
    assert_eq!(review.of_rule(RULE).len(), 1, "{}", review.gaps());
    assert!(review.gaps().contains("no_such_extension"), "{}", review.gaps());
}
