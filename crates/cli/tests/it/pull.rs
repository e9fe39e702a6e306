//! `db pull`, `format` and `validate` as users run them. The schema and the warnings of the kitchen sink were written by
//! Prisma 7.10.

use crate::migrate_support::Server;
use crate::support::{HEAD, Project, SHOP};

const BARE: &str = "generator client {\n  provider = \"prisma-client-js\"\n}\n\ndatasource db {\n  provider = \"postgresql\"\n}\n";
const FILE: &str = "prisma/schema.prisma";

#[test]
fn the_kitchen_sink_is_pulled_as_prisma_pulls_it() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let database = server.database();
        database.run(include_str!("pull/kitchen.sql"));
        let project = Project::new(&[(FILE, BARE)]);
        let printed = project.run(&["db", "pull", "--print", "--url", &database.url()]);
        assert_eq!(printed.stdout, include_str!("pull/kitchen.prisma"), "PostgreSQL {major}");
        assert!(printed.stderr.contains("// *** WARNING ***\n"), "{}", printed.stderr);
        assert_eq!(project.read(FILE), BARE, "--print writes nothing");

        let pulled = project.run(&["db", "pull", "--url", &database.url()]);
        assert_eq!(pulled.code, Some(0), "{}", pulled.both());
        assert!(pulled.stdout.contains(include_str!("pull/kitchen.txt")), "{}", pulled.stdout);
        assert_eq!(project.read(FILE), include_str!("pull/kitchen.prisma"));
        let objects = project.read("prisma/pgsteward.objects.sql");
        for statement in
            ["CREATE EXTENSION IF NOT EXISTS citext", "EXCLUDE USING gist", "CREATE VIEW public.v AS"]
        {
            assert!(objects.contains(statement), "{statement} is not in\n{objects}");
        }
        let json = project.run(&["db", "pull", "--format", "json", "--url", &database.url()]);
        let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(json["command"], "db pull");
        assert_eq!(json["objects_file"], "prisma/pgsteward.objects.sql");
    }
}

#[test]
fn an_empty_or_absent_database_is_an_error_of_prismas_code() {
    let Some(server) = Server::start(15) else { return };
    let project = Project::new(&[(FILE, BARE)]);
    let empty = project.run(&["db", "pull", "--url", &server.database().url()]);
    assert_eq!(empty.code, Some(1));
    assert!(empty.stderr.starts_with("error: P4001: "), "{}", empty.stderr);
    let absent = project.run(&["db", "pull", "--url", &server.absent("nowhere").url()]);
    assert_eq!(absent.code, Some(1));
    assert!(absent.stderr.starts_with("error: P1003: "), "{}", absent.stderr);
    assert_eq!(project.read(FILE), BARE);
}

#[test]
fn format_writes_what_prisma_writes_and_check_only_says_so() {
    let project = Project::new(&[(FILE, &format!("{HEAD}\n{SHOP}").replace("  id ", " id\t"))]);
    let before = project.read(FILE);
    let checked = project.run(&["format", "--check"]);
    assert_eq!((checked.code, checked.stdout.as_str()), (Some(1), ""));
    assert_eq!(checked.stderr, "error: not formatted: prisma/schema.prisma\nhint: run `pgsteward format`\n");
    assert_eq!(project.read(FILE), before);
    let formatted = project.run(&["format"]);
    assert_eq!(formatted.code, Some(0), "{}", formatted.both());
    assert!(formatted.stdout.starts_with("Formatted prisma/schema.prisma in "), "{}", formatted.stdout);
    assert!(project.read(FILE).contains("model Vendor {\n  id     Int     @id @default(autoincrement())\n"));
    let checked = project.run(&["format", "--check"]);
    assert_eq!((checked.code, checked.stdout.as_str()), (Some(0), "All files are formatted correctly!\n"));
}

#[test]
fn half_a_relation_is_completed() {
    let project = Project::new(&[(
        FILE,
        &format!(
            "{HEAD}\nmodel City {{\n  id Int @id @db.SmallInt\n}}\nmodel House {{\n  id Int @id\n  city City?\n}}\n"
        ),
    )]);
    let formatted = project.run(&["format"]);
    assert_eq!(formatted.code, Some(0), "{}", formatted.both());
    let expected = "model City {\n  id     Int     @id @db.SmallInt\n  houses House[]\n}\n\nmodel House {\n  id     Int   @id\n  \
                    city   City? @relation(fields: [cityId], references: [id])\n  cityId Int?  @db.SmallInt\n}\n";
    assert!(project.read(FILE).ends_with(expected), "{}", project.read(FILE));
}

#[test]
fn validate_says_yes_or_where_not() {
    let project = Project::new(&[(FILE, &format!("{HEAD}\n{SHOP}"))]);
    let valid = project.run(&["validate"]);
    assert_eq!(
        (valid.code, valid.stdout.as_str()),
        (Some(0), "The schema at prisma/schema.prisma is valid\n")
    );
    project.write(FILE, format!("{HEAD}model A {{\n  id Nothing @id\n}}\n"));
    let invalid = project.run(&["validate"]);
    assert_eq!((invalid.code, invalid.stdout.as_str()), (Some(1), ""));
    assert!(
        invalid
            .stderr
            .starts_with("error: P1012: the Prisma schema is not valid\n  prisma/schema.prisma:10:6: "),
        "{}",
        invalid.stderr
    );
    let refused = project.run(&["format"]);
    assert_eq!(refused.code, Some(1));
    assert!(project.read(FILE).contains("id Nothing"), "nothing is written over what is not understood");
    let nowhere = Project::new(&[]).run(&["validate"]);
    assert_eq!(nowhere.code, Some(1));
    assert!(nowhere.stderr.contains("hint: "), "{}", nowhere.stderr);
}
