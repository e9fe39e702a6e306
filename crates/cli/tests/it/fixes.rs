//! Fixes as files: diffs, edits that keep the layout, migration folders; and that the next check is content.

use crate::support::{HEAD, Project, SHOP, SHOP_SQL};

const RULE: &str = "foreign-key-without-index";
const MIGRATIONS: &str = "prisma/migrations";

/// A vendor with `count` tables that refer to it without an index.
fn many(count: usize) -> Project {
    let mut schema = format!("{HEAD}\nmodel Vendor {{\n  id Int @id\n");
    let mut sql = "CREATE TABLE \"Vendor\" (\"id\" INTEGER NOT NULL, CONSTRAINT \"Vendor_pkey\" PRIMARY KEY (\"id\"));\n".to_owned();
    for number in 0..count {
        schema.push_str(&format!("  parts{number} Part{number}[]\n"));
    }
    schema.push_str("}\n");
    for number in 0..count {
        schema.push_str(&format!(
            "\n// Part {number}.\nmodel Part{number} {{\n  id       Int @id\n  vendorId Int // of whom\n  vendor   Vendor @relation(fields: [vendorId], references: [id])\n}}\n"
        ));
        sql.push_str(&format!(
            "CREATE TABLE \"Part{number}\" (\"id\" INTEGER NOT NULL, \"vendorId\" INTEGER NOT NULL, CONSTRAINT \"Part{number}_pkey\" PRIMARY KEY (\"id\"));\n\
             ALTER TABLE \"Part{number}\" ADD CONSTRAINT \"Part{number}_vendorId_fkey\" FOREIGN KEY (\"vendorId\") REFERENCES \"Vendor\"(\"id\") ON DELETE RESTRICT ON UPDATE CASCADE;\n"
        ));
    }
    Project::new(&[
        ("prisma/schema.prisma", schema.as_str()),
        ("prisma/migrations/20260101000000_init/migration.sql", sql.as_str()),
    ])
}

/// After the fix the finding is gone, schema and history agree, and the new migrations bring no hazard.
fn assert_content(project: &Project) {
    let review = project.check(&[]);
    assert_eq!(review.of_rule(RULE).len(), 0, "{:?}", review.rules());
    let drift: Vec<_> = review.findings().iter().filter(|finding| finding["group"] == "drift").collect();
    assert!(drift.is_empty(), "{drift:#?}");
    assert!(!review.gaps().contains("the replay failed"), "{}", review.gaps());
}

#[test]
fn a_diff_writes_nothing() {
    let project = Project::shop(&[]);
    let before = project.read("prisma/schema.prisma");
    let run = project.run(&["fix", "--rule", RULE, "--diff"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(run.stdout.contains("+  @@index([vendorId])"), "{}", run.stdout);
    assert!(
        run.stdout.contains("+CREATE INDEX CONCURRENTLY \"Order_vendorId_idx\" ON \"Order\" (\"vendorId\");"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("+DROP INDEX CONCURRENTLY \"Order_vendorId_idx\";"),
        "the way back: {}",
        run.stdout
    );
    assert_eq!(project.read("prisma/schema.prisma"), before);
    assert_eq!(project.list(MIGRATIONS), ["20260101000000_init"]);
    // Git takes it.
    project.commit_all();
    project.write("fix.diff", &run.stdout);
    project.git(&["apply", "fix.diff"]);
    assert!(project.read("prisma/schema.prisma").contains("@@index([vendorId])"));
    assert_content(&project);
}

#[test]
fn a_fix_is_written_and_the_next_check_is_content() {
    let project = Project::shop(&[]);
    let before = project.read("prisma/schema.prisma");
    let run = project.run(&["fix", "--rule", RULE]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    let after = project.read("prisma/schema.prisma");
    let added: Vec<&str> = after.lines().filter(|line| !before.lines().any(|old| old == *line)).collect();
    assert_eq!(added, ["  @@index([vendorId])"], "comments and layout stay");
    assert!(
        after.contains("// who sells") && after.contains("// Sellers. pgsteward must keep this comment.")
    );
    let folders = project.list(MIGRATIONS);
    assert_eq!(folders.len(), 2, "{folders:?}");
    assert!(folders[1] > folders[0] && folders[1].len() > 15, "{folders:?}");
    assert_eq!(project.list(&format!("{MIGRATIONS}/{}", folders[1])), ["down.sql", "migration.sql"]);
    assert_content(&project);
    let again = project.run(&["fix", "--rule", RULE]);
    assert_eq!(again.code, Some(2));
    assert!(again.stderr.contains("no finding has a fix"), "{}", again.stderr);
}

#[test]
fn up_to_three_statements_get_a_folder_each() {
    let project = many(3);
    let run = project.run(&["fix", "--rule", RULE]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    let folders = project.list(MIGRATIONS);
    assert_eq!(folders.len(), 4, "{folders:?}");
    for folder in &folders[1..] {
        let sql = project.read(&format!("{MIGRATIONS}/{folder}/migration.sql"));
        assert_eq!(sql.matches("CREATE INDEX CONCURRENTLY").count(), 1, "{sql}");
        assert_eq!(sql.matches(';').count(), 1, "a statement that runs alone: {sql}");
        let down = project.read(&format!("{MIGRATIONS}/{folder}/down.sql"));
        assert_eq!(
            down.matches("DROP INDEX CONCURRENTLY").count(),
            1,
            "each folder has its own way back: {down}"
        );
        let index = sql.split('"').nth(1).unwrap();
        assert!(down.contains(index), "{sql}{down}");
    }
    assert_content(&project);
}

#[test]
fn more_statements_share_a_folder_and_a_script() {
    let project = many(5);
    let run = project.run(&["fix", "--rule", RULE]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(run.stderr.contains("psql -f") && run.stderr.contains("--separate"), "{}", run.stderr);
    let folders = project.list(MIGRATIONS);
    assert_eq!(folders.len(), 2, "{folders:?}");
    let folder = format!("{MIGRATIONS}/{}", folders[1]);
    assert_eq!(project.list(&folder), ["concurrently.sql", "down.sql", "migration.sql"]);
    let script = project.read(&format!("{folder}/concurrently.sql"));
    assert_eq!(script.matches("CREATE INDEX CONCURRENTLY").count(), 5, "{script}");
    let sql = project.read(&format!("{folder}/migration.sql"));
    assert_eq!(sql.matches("CREATE INDEX IF NOT EXISTS").count(), 5, "{sql}");
    assert!(!sql.contains("CONCURRENTLY"), "{sql}");
    let schema = project.read("prisma/schema.prisma");
    assert_eq!(schema.matches("@@index([vendorId])").count(), 5);
    assert_eq!(schema.matches("// of whom").count(), 5);
    assert_content(&project);
    // The new migration is judged without a word against it.
    project.write("pgsteward.toml", "[migrations]\napplied_through = \"20260101000000_init\"\n");
    let review = project.check(&["--no-lab", "--select", "migration", "--fail-on", "warning"]);
    assert_eq!(review.migrations(), (2, 1));
    assert_eq!(review.code, Some(0), "{:#?}", review.findings());
    assert!(
        review.findings().iter().all(|finding| finding["severity"] == "info"),
        "{:#?}",
        review.findings()
    );
}

#[test]
fn separate_folders_when_asked() {
    let project = many(5);
    let run = project.run(&["fix", "--rule", RULE, "--separate", "--no-lab"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert_eq!(project.list(MIGRATIONS).len(), 6);
    assert_content(&project);
}

#[test]
fn one_finding_by_its_key() {
    let project = many(2);
    let review = project.check(&["--no-lab"]);
    let key = review.of_rule(RULE)[0]["key"].as_str().unwrap();
    let run = project.run(&["fix", key, "--no-lab"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    let left = project.check(&["--no-lab"]);
    assert_eq!(left.of_rule(RULE).len(), 1);
    assert_ne!(left.of_rule(RULE)[0]["key"], key);
    let run = project.run(&["fix", key, "--no-lab"]);
    assert_eq!(run.code, Some(2), "it is gone now");
    let run = project.run(&["fix", "0123456789abcdef", "--no-lab"]);
    assert_eq!(run.code, Some(2));
    insta::assert_snapshot!("fix_an_unknown_key", run.snapshot());
    let unfixable = left.of_rule("table-without-creation-time")[0]["key"].as_str().unwrap();
    let run = project.run(&["fix", unfixable, "--no-lab"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("has no fix that pgsteward can write"), "{}", run.stderr);
    let run = project.run(&["fix", "--rule", "no-such-rule", "--no-lab"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("no-such-rule"), "{}", run.stderr);
    let run = project.run(&["fix"]);
    assert_eq!(run.code, Some(2));
}

#[test]
fn a_runner_that_sends_statements_one_by_one_needs_one_folder() {
    let project = many(5);
    project.write("package.json", "{\"devDependencies\": {\"prisma\": \"7.4.1\"}}");
    let run = project.run(&["fix", "--rule", RULE]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    let folders = project.list(MIGRATIONS);
    assert_eq!(folders.len(), 2, "{folders:?}");
    let sql = project.read(&format!("{MIGRATIONS}/{}/migration.sql", folders[1]));
    assert_eq!(sql.matches("CREATE INDEX CONCURRENTLY").count(), 5, "{sql}");
    assert_content(&project);
}

#[test]
fn plain_sql_gets_the_next_number() {
    let project = Project::new(&[
        ("migrations/007_init.up.sql", SHOP_SQL),
        ("migrations/007_init.down.sql", "DROP TABLE \"Order\";\n"),
    ]);
    let run = project.run(&["fix", "--rule", RULE]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    let names = project.list("migrations");
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names[2].starts_with("008_") && names[2].ends_with(".down.sql"), "{names:?}");
    assert!(names[3].starts_with("008_") && names[3].ends_with(".up.sql"), "{names:?}");
    assert_eq!(project.check(&[]).of_rule(RULE).len(), 0);

    let project = Project::new(&[
        ("migrations/1_init/up.sql", SHOP_SQL),
        ("migrations/1_init/down.sql", "DROP TABLE \"Order\";\nDROP TABLE \"Vendor\";\n"),
    ]);
    let run = project.run(&["fix", "--rule", RULE]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    let names = project.list("migrations");
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(project.list(&format!("migrations/{}", names[1])), ["down.sql", "up.sql"]);
    let review = project.check(&[]);
    assert_eq!(review.migrations().0, 2);
    assert_eq!(review.of_rule(RULE).len(), 0);
}

#[test]
fn a_goose_file_keeps_its_two_sections() {
    let goose = format!("-- +goose Up\n{SHOP_SQL}\n-- +goose Down\nDROP TABLE \"Order\";\n");
    let project = Project::new(&[("migrations/20260101000000_init.sql", &goose)]);
    let run = project.run(&["fix", "--rule", RULE]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert_eq!(project.read("migrations/20260101000000_init.sql"), goose, "history is not touched");
    let names = project.list("migrations");
    assert_eq!(names.len(), 2, "{names:?}");
    let text = project.read(&format!("migrations/{}", names[1]));
    assert!(
        text.starts_with("-- +goose NO TRANSACTION\n-- +goose Up\n"),
        "goose refuses a file without it: {text}"
    );
    assert!(text.contains("-- +goose Down\nDROP INDEX CONCURRENTLY"), "{text}");
    assert_eq!(project.check(&[]).of_rule(RULE).len(), 0);
}

#[test]
fn a_project_without_migrations_gets_its_schema_edited_and_the_sql_told() {
    let project = Project::new(&[("prisma/schema.prisma", &format!("{HEAD}\n{SHOP}"))]);
    let run = project.run(&["fix", "--rule", RULE]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(run.stderr.contains("CREATE INDEX CONCURRENTLY \"Order_vendorId_idx\""), "{}", run.stderr);
    assert!(project.read("prisma/schema.prisma").contains("@@index([vendorId])"));
    assert_eq!(project.check(&[]).of_rule(RULE).len(), 0);
}

#[test]
fn one_of_several_projects() {
    let schema = format!("{HEAD}\n{SHOP}");
    let project = Project::new(&[
        ("a/prisma/schema.prisma", &schema),
        ("a/prisma/migrations/20260101000000_init/migration.sql", SHOP_SQL),
        ("b/prisma/schema.prisma", &schema),
        ("b/prisma/migrations/20260101000000_init/migration.sql", SHOP_SQL),
    ]);
    let review = project.check(&["--no-lab"]);
    let in_b = review
        .of_rule(RULE)
        .into_iter()
        .find(|finding| finding["location"]["file"] == "b/prisma/schema.prisma")
        .unwrap();
    let run = project.run(&["fix", "--no-lab", in_b["key"].as_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert_eq!(project.list("a/prisma/migrations").len(), 1);
    assert_eq!(project.list("b/prisma/migrations").len(), 2);
    assert!(!project.read("a/prisma/schema.prisma").contains("@@index"));
    assert!(project.read("b/prisma/schema.prisma").contains("@@index"));
    let run = project.run(&["fix", "--rule", RULE, "--path", "a"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(project.read("a/prisma/schema.prisma").contains("@@index"));
    assert_eq!(project.check(&[]).of_rule(RULE).len(), 0);
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_stay() {
    let schema = format!("\u{feff}{HEAD}\n{SHOP}").replace('\n', "\r\n");
    let project = Project::shop(&[("prisma/schema.prisma", &schema)]);
    let run = project.run(&["fix", "--rule", RULE, "--no-lab"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    let after = project.read("prisma/schema.prisma");
    assert!(after.starts_with('\u{feff}'), "the byte order mark stays");
    assert!(after.contains("@@index([vendorId])\r\n"), "{after:?}");
    assert_eq!(after.matches('\n').count(), after.matches("\r\n").count(), "{after:?}");
}

#[test]
fn check_fix_applies_what_is_safe_and_says_when_nothing_is() {
    let project = Project::shop(&[]);
    let before = project.read("prisma/schema.prisma");
    let diff = project.run(&["check", "--no-lab", "--fix", "--diff"]);
    assert_eq!(diff.code, Some(0), "{}", diff.both());
    assert_eq!(diff.stdout, "", "all fixes of this project touch a database");
    assert!(diff.stderr.contains("no finding has a safe fix"), "{}", diff.stderr);
    let run = project.run(&["check", "--no-lab", "--fix"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(run.stdout.contains(RULE), "what is left is reported: {}", run.stdout);
    assert_eq!(project.read("prisma/schema.prisma"), before);
    let alone = project.run(&["check", "--diff"]);
    assert_eq!(alone.code, Some(2), "--diff needs --fix");
}

#[test]
fn check_fix_edits_files_and_keeps_their_layout() {
    let schema = format!(
        "{HEAD}\n/// Posts of the blog.\nmodel Post {{\n  id   Int  @id // the number\n\n  meta Json\n}}\n\n\
         // pgsteward: allow(money-in-float) there was a price once\nmodel Tag {{\n  id Int @id\n}}\n"
    );
    let project = Project::new(&[
        ("prisma/schema.prisma", schema.as_str()),
        (
            "prisma/migrations/20260101000000_init/migration.sql",
            "CREATE TABLE \"Post\" (\"id\" INTEGER NOT NULL, \"meta\" JSONB NOT NULL, CONSTRAINT \"Post_pkey\" PRIMARY KEY (\"id\"));\n\
             CREATE TABLE \"Tag\" (\"id\" INTEGER NOT NULL, CONSTRAINT \"Tag_pkey\" PRIMARY KEY (\"id\"));\n\
             CREATE INDEX \"Post_meta_gin\" ON \"Post\" USING GIN (\"meta\");\n",
        ),
    ]);
    let before = project.check(&[]);
    assert_eq!(before.of_rule("migrate-dev-would-drop").len(), 1, "{:?}", before.rules());
    assert_eq!(before.of_rule("unused-allow").len(), 1, "{:?}", before.rules());
    let diff = project.run(&["check", "--fix", "--diff"]);
    assert_eq!(diff.code, Some(0), "{}", diff.both());
    assert!(diff.stdout.contains("+++ b/prisma/schema.prisma"), "{}", diff.stdout);
    assert_eq!(project.read("prisma/schema.prisma"), schema, "a diff writes nothing");
    let run = project.run(&["check", "--fix"]);
    assert!(run.stderr.contains("edited prisma/schema.prisma"), "{}", run.both());
    assert!(!run.stdout.contains("unused-allow"), "what was mended is not reported: {}", run.stdout);
    assert!(!run.stdout.contains("migrate-dev-would-drop"), "{}", run.stdout);
    let after = project.read("prisma/schema.prisma");
    let removed: Vec<&str> = schema.lines().filter(|line| !after.lines().any(|new| new == *line)).collect();
    assert_eq!(removed, ["// pgsteward: allow(money-in-float) there was a price once"]);
    let added: Vec<&str> = after.lines().filter(|line| !schema.lines().any(|old| old == *line)).collect();
    assert_eq!(added.len(), 1, "{added:?}");
    assert!(added[0].contains("@@index([meta]") && added[0].contains("Gin"), "{added:?}");
    let left = project.check(&[]);
    assert_eq!(left.of_rule("migrate-dev-would-drop").len(), 0, "{:?}", left.rules());
    assert_eq!(left.of_rule("unused-allow").len(), 0);
    assert!(left.findings().iter().all(|finding| finding["group"] != "drift"), "{:?}", left.rules());
}
