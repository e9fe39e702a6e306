//! `db push`, `db execute`, `db seed` and `migrate reset`: what they do, and the gate before data is destroyed.

use std::process::{Command, Stdio};

use crate::servers::Server;
use crate::support::{Project, Run};

const HEAD: &str = "datasource db {\n  provider = \"postgresql\"\n  url      = env(\"DATABASE_URL\")\n}\n";
const USER: &str = "model User {\n  id   Int    @id\n  name String?\n}\n";

fn clean(mut command: Command, url: &str) -> Command {
    for name in
        ["CLAUDECODE", "AI_AGENT", "AGENT", "CODEX_CI", "CODEX_SANDBOX", "CODEX_THREAD_ID", "CURSOR_AGENT"]
    {
        command.env_remove(name);
    }
    command.env("DATABASE_URL", url);
    command
}

fn run(project: &Project, url: &str, arguments: &[&str]) -> Run {
    let output = clean(project.command(arguments), url).output().unwrap();
    project.of(&output)
}

fn schema(project: &Project, text: &str) {
    project.write("prisma/schema.prisma", format!("{HEAD}{text}"));
}

#[test]
fn push_follows_the_schema_and_stops_before_losses() {
    let Some(server) = Server::start(17) else { return };
    let project = Project::new(&[]);
    schema(&project, USER);
    let url = server.url("pushed");
    let push = |arguments: &[&str]| run(&project, &url, &[&["db", "push"], arguments].concat());
    let first = push(&[]);
    assert_eq!(first.code, Some(0), "{}", first.both());
    assert!(first.stdout.contains("now in sync with your Prisma schema"), "{}", first.stdout);
    assert_eq!(server.rows("pushed", "SELECT to_regclass('_prisma_migrations')"), ["NULL"], "no history");
    assert!(push(&[]).stdout.contains("already in sync"));

    server.run("pushed", "INSERT INTO \"User\" VALUES (1, 'ann')");
    schema(&project, &USER.replace("  name String?\n", ""));
    let lossy = push(&[]);
    assert_eq!(lossy.code, Some(1), "{}", lossy.both());
    assert!(lossy.stderr.contains("--accept-data-loss"), "{}", lossy.stderr);
    assert_eq!(server.rows("pushed", "SELECT name FROM \"User\""), ["ann"]);
    let accepted = push(&["--accept-data-loss"]);
    assert_eq!(accepted.code, Some(0), "{}", accepted.both());
    assert_eq!(server.rows("pushed", "SELECT * FROM \"User\""), ["1"]);

    schema(&project, "model User {\n  id   Int @id\n  need Int\n}\n");
    let impossible = push(&["--accept-data-loss"]);
    assert_eq!(impossible.code, Some(1), "{}", impossible.both());
    assert!(impossible.stderr.contains("cannot be executed"), "{}", impossible.stderr);
    let reset = push(&["--force-reset"]);
    assert_eq!(reset.code, Some(0), "{}", reset.both());
    assert_eq!(server.rows("pushed", "SELECT count(*) FROM \"User\""), ["0"]);

    // Values of an enum that come and go, which no transaction can hold together.
    schema(
        &project,
        "model User {\n  id   Int @id\n  need Int\n  kind Kind @default(A)\n}\nenum Kind {\n  A\n  B\n}\n",
    );
    assert_eq!(push(&[]).code, Some(0));
    schema(
        &project,
        "model User {\n  id   Int @id\n  need Int\n  kind Kind @default(C)\n}\nenum Kind {\n  A\n  C\n}\n",
    );
    let exchanged = push(&["--accept-data-loss"]);
    assert_eq!(exchanged.code, Some(0), "{}", exchanged.both());
    assert!(push(&[]).stdout.contains("already in sync"));
}

#[test]
fn a_database_that_looks_like_production_wants_its_name() {
    let Some(server) = Server::start(15) else { return };
    let project = Project::new(&[(
        "prisma/migrations/20260101000000_init/migration.sql",
        "CREATE TABLE \"User\" (\n    \"id\" INTEGER NOT NULL,\n    \"name\" TEXT,\n\n    CONSTRAINT \"User_pkey\" PRIMARY KEY (\"id\")\n);\n",
    )]);
    schema(&project, USER);
    let url = server.url("shop_production");
    assert_eq!(run(&project, &url, &["migrate", "deploy"]).code, Some(0));
    server.run("shop_production", "INSERT INTO \"User\" VALUES (1, 'ann')");
    let kept = || assert_eq!(server.rows("shop_production", "SELECT name FROM \"User\""), ["ann"]);

    let refused = run(&project, &url, &["migrate", "reset"]);
    assert_eq!(refused.code, Some(1), "{}", refused.both());
    assert!(refused.stderr.contains("its name says \"production\""), "{}", refused.stderr);
    assert!(refused.stderr.contains("--database shop_production"), "{}", refused.stderr);
    kept();
    let wrong = run(&project, &url, &["migrate", "reset", "--database", "shop_dev"]);
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.stderr.contains("\"shop_dev\""), "{}", wrong.stderr);
    kept();
    let forced = run(&project, &url, &["db", "push", "--force-reset"]);
    assert_eq!(forced.code, Some(1), "{}", forced.both());
    kept();
    // Losses that were accepted in advance are not those of production, whether the rows are there already or not.
    schema(&project, &USER.replace("  name String?\n", ""));
    let accepted = run(&project, &url, &["db", "push", "--accept-data-loss"]);
    assert_eq!(accepted.code, Some(1), "{}", accepted.both());
    assert!(accepted.stderr.contains("--database shop_production"), "{}", accepted.stderr);
    kept();
    server.run("shop_production", "CREATE TABLE \"Empty\" (id INT)");
    schema(&project, USER);
    let accepted = run(&project, &url, &["db", "push", "--accept-data-loss"]);
    assert_eq!(accepted.code, Some(1), "{}", accepted.both());
    assert_eq!(server.rows("shop_production", "SELECT to_regclass('\"Empty\"') IS NOT NULL"), ["t"]);
    // Named or forced, and yet not without the user where a program acts for them.
    let mut command = clean(project.command(&["migrate", "reset", "--force"]), &url);
    let output = command.env("AI_AGENT", "1").output().unwrap();
    let by_program = project.of(&output);
    assert_eq!(by_program.code, Some(1), "{}", by_program.both());
    assert!(
        by_program.stderr.contains("PRISMA_USER_CONSENT_FOR_DANGEROUS_AI_ACTION"),
        "{}",
        by_program.stderr
    );
    kept();

    let typed = run(&project, &url, &["migrate", "reset", "--database", "shop_production"]);
    assert_eq!(typed.code, Some(0), "{}", typed.both());
    assert!(
        typed.stdout.contains("Database reset successful") && typed.stdout.contains("20260101000000_init")
    );
    assert_eq!(server.rows("shop_production", "SELECT count(*) FROM \"User\""), ["0"]);
    assert_eq!(server.rows("shop_production", "SELECT count(*) FROM _prisma_migrations"), ["1"]);
}

#[test]
fn traffic_is_a_sign_too() {
    let Some(server) = Server::start(17) else { return };
    let project = Project::new(&[]);
    schema(&project, USER);
    let url = server.url("busy");
    assert_eq!(run(&project, &url, &["db", "push"]).code, Some(0));
    let quiet = run(&project, &url, &["migrate", "reset"]);
    assert_eq!(quiet.code, Some(1), "nobody can confirm: {}", quiet.both());
    assert!(quiet.stderr.contains("nobody is at a terminal"), "{}", quiet.stderr);
    let sessions: Vec<_> = (0..3).map(|_| server.session("busy")).collect();
    for session in &sessions {
        server.in_session(session, "SET application_name = 'shop'; SELECT 1");
    }
    let busy = run(&project, &url, &["migrate", "reset"]);
    assert_eq!(busy.code, Some(1), "{}", busy.both());
    assert!(busy.stderr.contains("other sessions worked in it within the last minute"), "{}", busy.stderr);
    let forced = run(&project, &url, &["migrate", "reset", "--force"]);
    assert_eq!(forced.code, Some(0), "{}", forced.both());
}

#[test]
fn scripts_run_as_one_command() {
    let Some(server) = Server::start(17) else { return };
    let project = Project::new(&[("good.sql", "CREATE TABLE a (id int);\nINSERT INTO a VALUES (1);\n")]);
    schema(&project, USER);
    server.run("postgres", "CREATE DATABASE scripts");
    let url = server.url("scripts");
    let good = run(&project, &url, &["db", "execute", "--file", "good.sql"]);
    assert_eq!(
        (good.code, good.stdout.as_str()),
        (Some(0), "Script executed successfully.\n"),
        "{}",
        good.both()
    );
    let mut command = clean(project.command(&["db", "execute", "--stdin"]), &url);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    {
        use std::io::Write;
        child
            .stdin
            .take()
            .unwrap()
            .write_all(b"INSERT INTO a VALUES (2);\nINSERT INTO nowhere VALUES (3);")
            .unwrap();
    }
    let failed = project.of(&child.wait_with_output().unwrap());
    assert_eq!(failed.code, Some(1), "{}", failed.both());
    assert!(failed.stderr.contains("42P01") && failed.stderr.contains("line 2"), "{}", failed.stderr);
    assert_eq!(server.rows("scripts", "SELECT id FROM a"), ["1"], "all or nothing");
    let absent = run(&project, &url, &["db", "execute", "--file", "absent.sql"]);
    assert_eq!(absent.code, Some(1));
    assert!(absent.stderr.contains("does not exist"), "{}", absent.stderr);
}

#[test]
fn seeds_run_when_asked_for_only() {
    let Some(server) = Server::start(17) else { return };
    let project = Project::new(&[
        ("package.json", r#"{"prisma": {"seed": "sh seed.sh"}}"#),
        ("seed.sh", "echo \"$1 $DATABASE_URL\" > seeded.txt\n"),
        (".env", "OTHER=1\n"),
    ]);
    schema(&project, USER);
    let url = server.url("seeds");
    assert_eq!(run(&project, &url, &["db", "push"]).code, Some(0));
    let reset = run(&project, &url, &["migrate", "reset", "--force"]);
    assert_eq!(reset.code, Some(0), "{}", reset.both());
    assert!(!project.path().join("seeded.txt").exists(), "no Prisma of the project's own would run it");
    let seeded = run(&project, &url, &["db", "seed", "--", "--all"]);
    assert_eq!(seeded.code, Some(0), "{}", seeded.both());
    assert_eq!(project.read("seeded.txt").trim(), format!("--all {url}"));
    project.write("seed.sh", "exit 3\n");
    assert_eq!(run(&project, &url, &["db", "seed"]).code, Some(1));
    project.write("package.json", "{}");
    let none = run(&project, &url, &["db", "seed"]);
    assert_eq!(none.code, Some(1));
    assert!(none.stderr.contains("no seed command is configured"), "{}", none.stderr);
}

#[test]
fn a_reset_ends_as_with_the_projects_own_prisma() {
    let Some(server) = Server::start(17) else { return };
    let project = Project::new(&[
        ("package.json", r#"{"prisma": {"seed": "sh seed.sh"}}"#),
        ("seed.sh", "echo hello from the seed; echo yes > seeded.txt\n"),
        // Whatever machine this is: a node that only says what it was asked for.
        ("bin/node", "#!/bin/sh\nshift\necho \"$1\" > generated.txt\n"),
        ("node_modules/prisma/build/index.js", ""),
    ]);
    let node = project.path().join("bin/node");
    std::fs::set_permissions(&node, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    schema(&project, &format!("generator client {{\n  provider = \"prisma-client-js\"\n}}\n{USER}"));
    let url = server.url("resets");
    let path = format!("{}:{}", project.path().join("bin").display(), std::env::var("PATH").unwrap());
    let run = |arguments: &[&str], version: &str| {
        project.write("node_modules/prisma/package.json", format!("{{\"version\": \"{version}\"}}"));
        let output = clean(project.command(arguments), &url).env("PATH", &path).output().unwrap();
        let run = project.of(&output);
        assert_eq!(run.code, Some(0), "{}", run.both());
        let took = |name: &str| std::fs::remove_file(project.path().join(name)).is_ok();
        (run, took("generated.txt"), took("seeded.txt"))
    };
    let (_, generated, seeded) = run(&["db", "push"], "6.19.0");
    assert!(generated && !seeded);
    let (_, generated, _) = run(&["db", "push", "--skip-generate"], "6.19.0");
    assert!(!generated);
    let (reset, generated, seeded) = run(&["migrate", "reset", "--force", "--format", "json"], "6.19.0");
    assert!(generated && seeded);
    assert!(reset.json()["seed"].as_str().unwrap().contains("ran the seed command"), "{}", reset.stdout);
    assert!(reset.stderr.contains("hello from the seed"), "{}", reset.stderr);
    let (_, generated, seeded) =
        run(&["migrate", "reset", "--force", "--skip-seed", "--skip-generate"], "6.19.0");
    assert!(!generated && !seeded);
    let (elsewhere, _, seeded) = run(&["migrate", "reset", "--force", "--url", &url], "6.19.0");
    assert!(
        !seeded && elsewhere.stdout.contains("does not know the database of --url"),
        "{}",
        elsewhere.stdout
    );
    let (_, generated, seeded) = run(&["migrate", "reset", "--force"], "7.10.1");
    assert!(!generated && !seeded);
    project.write("seed.sh", "exit 3\n");
    project.write("node_modules/prisma/package.json", "{\"version\": \"6.19.0\"}");
    let output =
        clean(project.command(&["migrate", "reset", "--force"]), &url).env("PATH", &path).output().unwrap();
    let failed = project.of(&output);
    assert_eq!(failed.code, Some(1));
    assert!(failed.stderr.contains("the seed command `sh seed.sh` failed"), "{}", failed.stderr);
}
