//! `migrate diff`: ends of every kind, the flags of Prisma 7 and those of 6, and the exit codes.

use crate::servers::Server;
use crate::support::{HEAD, Project, SHOP, SHOP_SQL};

const CREATE: &str = "CREATE TABLE \"Vendor\"";

#[test]
fn every_kind_of_end_and_every_exit_code() {
    let Some(server) = Server::start(17) else { return };
    let project = Project::shop(&[("empty.prisma", HEAD), ("other.sql", "")]);
    server.run("postgres", "CREATE DATABASE live");
    server.run("live", SHOP_SQL);
    let url = server.url("live");
    let diff = |arguments: &[&str]| {
        let run = project.run_with(&[&["migrate", "diff"], arguments].concat(), &[("DATABASE_URL", &url)]);
        (run.code, run.stdout.clone(), run.stderr.clone())
    };
    let schema = "prisma/schema.prisma";
    let (code, out, _) = diff(&["--from-empty", "--to-schema", schema, "--script"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains(CREATE) && out.ends_with(";\n\n"), "{out}");
    let (code, old, _) = diff(&["--from-empty", "--to-schema-datamodel", schema, "--script"]);
    assert_eq!((code, old), (Some(0), out), "the name that Prisma 6 had");

    let migrations = ["--from-migrations", "prisma/migrations", "--to-schema", schema];
    let (code, out, _) = diff(&[&migrations[..], &["--script", "--exit-code"]].concat());
    assert_eq!((code, out.as_str()), (Some(0), "-- This is an empty migration.\n\n"));
    let (code, out, _) = diff(&migrations);
    assert_eq!((code, out.as_str()), (Some(0), "No difference detected.\n\n"));

    let (code, out, _) =
        diff(&["--from-config-datasource", "--to-schema", schema, "--exit-code", "--script"]);
    assert_eq!((code, out.as_str()), (Some(0), "-- This is an empty migration.\n\n"));
    server.run("live", "DROP TABLE \"Order\"");
    for from in
        [&["--from-config-datasource"][..], &["--from-url", &url], &["--from-schema-datasource", schema]]
    {
        let (code, out, error) = diff(&[from, &["--to-schema", schema, "--exit-code", "--script"]].concat());
        assert_eq!(code, Some(2), "{out}{error}");
        assert!(out.contains("CREATE TABLE \"Order\"") && !out.contains(CREATE), "{out}");
    }
    let (code, out, _) = diff(&["--from-schema", schema, "--to-empty", "--script"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("DROP TABLE \"Order\";"), "{out}");
    let (code, out, _) = diff(&["--from-empty", "--to-schema", schema, "--script", "-o", "out.sql"]);
    assert_eq!((code, out.as_str()), (Some(0), ""));
    assert!(project.read("out.sql").contains(CREATE));
    let (_, out, _) = diff(&["--from-empty", "--to-schema", schema]);
    assert!(out.contains("[+] Added tables\n  - Vendor\n  - Order"), "{out}");

    // What is wrong is an error, and no difference.
    assert_eq!(diff(&["--from-empty"]).0, Some(2), "one end is missing: used wrongly");
    assert_eq!(diff(&["--from-empty", "--from-schema", schema, "--to-empty"]).0, Some(2));
    project.write("broken.prisma", "model {");
    let (code, _, error) = diff(&["--from-empty", "--to-schema", "broken.prisma", "--exit-code"]);
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("P1012") && error.contains("hint:"), "{error}");
    project.write("prisma/migrations/20270101000000_x/migration.sql", "CREATE TABEL x ();");
    let (code, _, error) = diff(&migrations);
    assert_eq!(code, Some(1));
    assert!(error.contains("P3006") && error.contains("20270101000000_x"), "{error}");
}

#[test]
fn histories_replay_whatever_regime_they_need() {
    let project = Project::shop(&[
        (
            "prisma/migrations/20260102000000_index/migration.sql",
            "CREATE INDEX CONCURRENTLY a ON \"Order\" (id, \"vendorId\");\nCREATE INDEX CONCURRENTLY b ON \"Order\" (\"vendorId\");\n",
        ),
        (
            "prisma/migrations/20260103000000_enum/migration.sql",
            "CREATE TYPE k AS ENUM ('x');\nCREATE TABLE t (id int PRIMARY KEY, k k);\n",
        ),
        (
            "prisma/migrations/20260104000000_value/migration.sql",
            "ALTER TYPE k ADD VALUE 'y';\nALTER TABLE t ALTER COLUMN k SET DEFAULT 'y';\n",
        ),
    ]);
    let run = project.run(&[
        "migrate",
        "diff",
        "--from-migrations",
        "prisma/migrations",
        "--to-schema",
        "prisma/schema.prisma",
        "--script",
        "--pg-major",
        "15",
    ]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    for dropped in ["DROP INDEX \"a\"", "DROP INDEX \"b\"", "DROP TABLE \"t\"", "DROP TYPE \"k\""] {
        assert!(run.stdout.contains(dropped), "{dropped}: {}", run.stdout);
    }
    assert!(SHOP.contains("model Order"));
}

#[test]
fn the_lab_has_the_version_that_the_configuration_names() {
    let asks = |major: u32| {
        format!(
            "DO $$ BEGIN IF current_setting('server_version_num')::int / 10000 <> {major} THEN RAISE EXCEPTION 'this is %', version(); END IF; END $$;\n"
        )
    };
    let diff = |project: &Project, more: &[&str]| {
        let arguments = [
            "migrate",
            "diff",
            "--from-migrations",
            "prisma/migrations",
            "--to-schema",
            "prisma/schema.prisma",
        ];
        project.run(&[&arguments[..], more].concat())
    };
    for (major, other) in [(15, "17"), (18, "15")] {
        if Server::start(major).is_none() {
            continue;
        }
        let project = Project::shop(&[
            ("pgsteward.toml", &format!("[lab]\nmajor = {major}\n")),
            ("prisma/migrations/20260102000000_asks/migration.sql", &asks(major)),
        ]);
        let run = diff(&project, &[]);
        assert_eq!(
            (run.code, run.stdout.as_str()),
            (Some(0), "No difference detected.\n\n"),
            "{}",
            run.both()
        );
        // Whoever names one on the command line gets that.
        let run = diff(&project, &["--pg-major", other]);
        assert!(
            run.code == Some(1) && run.stderr.contains(&format!("this is PostgreSQL {other}")),
            "{}",
            run.both()
        );
    }
    let project = Project::shop(&[("pgsteward.toml", "[lab]\nmajor = \"new\"\n")]);
    let run = diff(&project, &[]);
    assert!(run.code == Some(1) && run.stderr.contains("pgsteward.toml"), "{}", run.both());
}
