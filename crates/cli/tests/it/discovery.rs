//! Projects of every shape are found by themselves.

use crate::support::{HAZARD_SQL, HEAD, Project, SHOP, SHOP_SQL};

const BARE_HEAD: &str = "datasource db {\n  provider = \"postgresql\"\n}\n";
const VENDOR: &str = "model Vendor {\n  id     Int     @id\n  orders Order[]\n}\n";
const ORDER: &str = "model Order {\n  id       Int    @id\n  vendorId Int\n  vendor   Vendor @relation(fields: [vendorId], references: [id])\n}\n";
/// What each of these projects must give, or it was not read whole.
const RULE: &str = "foreign-key-without-index";

#[test]
fn one_schema_file_with_migrations() {
    let review = Project::shop(&[]).check(&["--no-lab"]);
    assert_eq!(review.schemas(), ["prisma/schema.prisma"]);
    assert_eq!(review.migrations(), (1, 0));
    let found = review.of_rule(RULE);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["object"]["relation"], "Order");
    assert_eq!(found[0]["location"]["file"], "prisma/schema.prisma");
    assert_eq!(review.code, Some(0), "a warning is below the threshold: {}", review.stderr);
}

#[test]
fn a_folder_of_schema_files() {
    for config in [
        None,
        Some(
            "import { defineConfig } from 'prisma/config'\nexport default defineConfig({ schema: './prisma' })\n",
        ),
    ] {
        let project = Project::new(&[
            ("prisma/schema.prisma", HEAD),
            ("prisma/vendor.prisma", VENDOR),
            ("prisma/models/order.prisma", ORDER),
            ("prisma/migrations/20260101000000_init/migration.sql", SHOP_SQL),
        ]);
        if let Some(config) = config {
            project.write("prisma.config.ts", config);
        }
        let review = project.check(&["--no-lab"]);
        assert_eq!(
            review.schemas(),
            ["prisma/models/order.prisma", "prisma/schema.prisma", "prisma/vendor.prisma"]
        );
        assert_eq!(review.migrations(), (1, 0));
        assert_eq!(review.of_rule(RULE).len(), 1);
        assert_eq!(review.of_rule(RULE)[0]["location"]["file"], "prisma/models/order.prisma");
    }
}

#[test]
fn a_schema_in_a_folder_of_its_own_with_migrations_beside_it() {
    let project = Project::new(&[
        ("prisma/schema/base.prisma", HEAD),
        ("prisma/schema/shop.prisma", SHOP),
        ("prisma/migrations/20260101000000_init/migration.sql", SHOP_SQL),
    ]);
    let review = project.check(&["--no-lab"]);
    assert_eq!(review.schemas().len(), 2);
    assert_eq!(review.migrations(), (1, 0));
    assert_eq!(review.of_rule(RULE).len(), 1);
}

#[test]
fn a_schema_file_that_the_configuration_names_reads_no_neighbours() {
    let project = Project::shop(&[
        ("prisma/old.prisma", "model Gone {\n  id Int @id\n}\n"),
        ("prisma.config.ts", "export default { schema: 'prisma/schema.prisma' }\n"),
    ]);
    let review = project.check(&["--no-lab"]);
    assert_eq!(review.schemas(), ["prisma/schema.prisma"]);
    assert!(review.gap("schema file prisma/old.prisma").is_some(), "{}", review.gaps());
}

#[test]
fn two_projects_in_one_repository() {
    let project = Project::new(&[
        ("apps/shop/prisma/schema.prisma", &format!("{HEAD}\n{SHOP}")),
        ("apps/shop/prisma/migrations/20260101000000_init/migration.sql", SHOP_SQL),
        ("packages/db/prisma/schema.prisma", &format!("{HEAD}\n{VENDOR}\n{ORDER}")),
    ]);
    let review = project.check(&["--no-lab"]);
    assert_eq!(review.schemas(), ["apps/shop/prisma/schema.prisma", "packages/db/prisma/schema.prisma"]);
    let found = review.of_rule(RULE);
    assert_eq!(found.len(), 2, "one in each project");
    assert_ne!(found[0]["key"], found[1]["key"]);
    // Either can be reviewed by itself.
    let one = project.check(&["--no-lab", "packages/db"]);
    assert_eq!(one.schemas(), ["prisma/schema.prisma"]);
}

#[test]
fn prisma_7_keeps_the_url_and_the_migrations_in_its_configuration() {
    let project = Project::new(&[
        ("package.json", "{\"dependencies\": {\"prisma\": \"^7.4.0\"}}"),
        (
            "prisma.config.ts",
            "import { defineConfig, env } from 'prisma/config'\nexport default defineConfig({\n  schema: 'db/schema.prisma',\n  \
             migrations: { path: 'db/history' },\n  datasource: { url: env('DATABASE_URL') },\n})\n",
        ),
        ("db/schema.prisma", &format!("{BARE_HEAD}\n{VENDOR}\n{ORDER}")),
        ("db/history/20260101000000_init/migration.sql", SHOP_SQL),
    ]);
    let review = project.check(&["--no-lab"]);
    assert_eq!(review.migrations(), (1, 0));
    assert_eq!(review.of_rule(RULE).len(), 1);
}

#[test]
fn a_project_without_migrations_is_judged_on_its_schema() {
    let project = Project::new(&[("schema.prisma", &format!("{HEAD}\n{SHOP}"))]);
    let still = project.check(&["--no-lab"]);
    assert_eq!(still.migrations(), (0, 0));
    assert_eq!(still.of_rule(RULE).len(), 1);
    let lab = project.check(&[]);
    assert_eq!(lab.of_rule(RULE).len(), 1);
    assert_eq!(lab.of_rule(RULE)[0]["proof"]["verdict"], "proven", "{:#}", lab.of_rule(RULE)[0]["proof"]);
}

#[test]
fn plain_sql_of_every_runner() {
    let down = "DROP TABLE \"Order\";\nDROP TABLE \"Vendor\";\n";
    let goose = format!("-- +goose Up\n{SHOP_SQL}\n-- +goose Down\n{down}");
    let dbmate = format!("-- migrate:up\n{SHOP_SQL}\n-- migrate:down\n{down}");
    let layouts: [(&str, Vec<(&str, &str)>); 7] = [
        (
            "numbered files",
            vec![("db/migrations/001_init.sql", SHOP_SQL), ("db/migrations/2_index.sql", HAZARD_SQL)],
        ),
        ("Flyway", vec![("migrations/V1__init.sql", SHOP_SQL), ("migrations/V2__index.sql", HAZARD_SQL)]),
        (
            "pairs of files",
            vec![
                ("migrations/000001_init.up.sql", SHOP_SQL),
                ("migrations/000001_init.down.sql", down),
                ("migrations/000002_index.up.sql", HAZARD_SQL),
                ("migrations/000002_index.down.sql", "DROP INDEX \"Order_vendorId_idx\";\n"),
            ],
        ),
        (
            "pairs in folders",
            vec![
                ("migrations/20260101000000_init/up.sql", SHOP_SQL),
                ("migrations/20260101000000_init/down.sql", down),
                ("migrations/20260102000000_index/up.sql", HAZARD_SQL),
            ],
        ),
        (
            "goose",
            vec![
                ("migrations/20260101000000_init.sql", &goose),
                ("migrations/20260102000000_index.sql", HAZARD_SQL),
            ],
        ),
        (
            "dbmate",
            vec![
                ("db/migrations/20260101000000_init.sql", &dbmate),
                ("db/migrations/20260102000000_index.sql", HAZARD_SQL),
            ],
        ),
        (
            "order by number",
            vec![("migrations/2_init.sql", SHOP_SQL), ("migrations/10_index.sql", HAZARD_SQL)],
        ),
    ];
    for (name, files) in layouts {
        let project = Project::new(&files);
        let review = project.check(&["--no-lab", "--all-migrations"]);
        assert_eq!(review.migrations(), (2, 2), "{name}");
        assert_eq!(review.of_rule("index-not-concurrent").len(), 1, "{name}: {:?}", review.rules());
        assert_eq!(review.of_rule(RULE).len(), 0, "{name}: the second file adds the index");
    }
}

#[test]
fn plain_sql_replays_in_the_lab() {
    let project = Project::new(&[
        ("migrations/001_init.sql", SHOP_SQL),
        ("migrations/002_rest.sql", "CREATE TABLE note (id int);\n"),
    ]);
    let review = project.check(&[]);
    assert_eq!(review.of_rule("table-without-primary-key").len(), 1, "{:?}", review.rules());
    assert_eq!(
        review.of_rule(RULE)[0]["proof"]["verdict"],
        "proven",
        "{:#}",
        review.of_rule(RULE)[0]["proof"]
    );
}

#[test]
fn a_single_file_is_a_project() {
    let project = Project::shop(&[("deploy.sql", "CREATE TABLE a (id int PRIMARY KEY);\nVACUUM FULL a;\n")]);
    let sql = project.check(&["--no-lab", "deploy.sql"]);
    assert_eq!(sql.migrations(), (1, 1), "a file named on the command line is judged");
    assert_eq!(sql.json["project"]["root"], "deploy.sql");
    let schema = project.check(&["--no-lab", "prisma/schema.prisma"]);
    assert_eq!(schema.schemas(), ["schema.prisma"]);
    assert_eq!(schema.migrations(), (1, 0));
    assert_eq!(schema.of_rule(RULE).len(), 1);
}

#[test]
fn a_single_file_knows_the_version_of_prisma() {
    // From 7.4 on Prisma sends the statements one by one, so CONCURRENTLY works.
    let sql = "CREATE INDEX CONCURRENTLY \"Order_vendorId_idx\" ON \"Order\"(\"vendorId\");\n";
    let project = Project::shop(&[
        ("package.json", "{\"devDependencies\": {\"prisma\": \"7.4.0\"}}"),
        ("prisma/migrations/20260102000000_index/migration.sql", sql),
    ]);
    for path in [".", "prisma/schema.prisma"] {
        let review = project.check(&["--no-lab", "--all-migrations", path]);
        assert_eq!(review.of_rule("concurrently-in-transaction").len(), 0, "{path}");
    }
    project.write("package.json", "{\"devDependencies\": {\"prisma\": \"~6.19\"}}");
    let review = project.check(&["--no-lab", "--all-migrations"]);
    assert!(
        !review.rules().contains(&"concurrently-in-transaction"),
        "one statement alone is no transaction"
    );
    project.write("prisma/migrations/20260102000000_index/migration.sql", format!("{sql}SELECT 1;\n"));
    let review = project.check(&["--no-lab", "--all-migrations"]);
    assert_eq!(review.of_rule("concurrently-in-transaction").len(), 1, "{:?}", review.rules());
}

#[test]
fn migrations_of_another_database_are_left_out() {
    let events =
        "CREATE TABLE events (\n  `id` String,\n  `at` DateTime64(3)\n) ENGINE = MergeTree ORDER BY id;\n";
    let project = Project::new(&[
        ("clickhouse/migrations/0001_events.up.sql", events),
        ("clickhouse/migrations/0001_events.down.sql", "DROP TABLE events;\n"),
        ("clickhouse/migrations/0002_user.up.sql", "ALTER TABLE events ADD COLUMN user_id String;\n"),
        ("db/migrations/0001_note.sql", "CREATE TABLE note (body text DEFAULT 'MergeTree');\n"),
    ]);
    let review = project.check(&["--no-lab", "--all-migrations"]);
    let gaps = review.gaps();
    assert_eq!(gaps.matches("written for ClickHouse").count(), 1, "{gaps}");
    assert!(!gaps.contains("could not be read"), "{gaps}");
    assert_eq!(review.of_rule("table-without-primary-key").len(), 1, "the other folder is reviewed");
}

#[test]
fn another_database_is_a_gap_and_its_migrations_are_not_run() {
    let mysql = "datasource db {\n  provider = \"mysql\"\n  url = env(\"DATABASE_URL\")\n}\nmodel A {\n  id Int @id\n}\n";
    let project = Project::new(&[
        ("prisma/schema.prisma", mysql),
        (
            "prisma/migrations/20260101000000_init/migration.sql",
            "CREATE TABLE `A` (`id` INTEGER NOT NULL) ENGINE=InnoDB;\n",
        ),
    ]);
    let review = project.check(&["--all-migrations"]);
    let gap = review.gap("schema prisma/schema.prisma").unwrap();
    assert!(gap.contains("\"mysql\"") && gap.contains("PostgreSQL only"), "{gap}");
    assert_eq!(review.findings().len(), 0, "{:?}", review.rules());
    assert_eq!(
        review.gaps().lines().filter(|line| line.contains("could not be read")).count(),
        0,
        "{}",
        review.gaps()
    );
    assert_eq!(review.code, Some(0));
}

#[test]
fn ignored_and_foreign_folders_are_left_alone() {
    let project = Project::shop(&[
        (".gitignore", "generated/\n"),
        ("generated/schema.prisma", HEAD),
        ("node_modules/x/prisma/schema.prisma", HEAD),
    ]);
    assert_eq!(project.check(&["--no-lab"]).schemas(), ["prisma/schema.prisma"]);
}

#[test]
fn the_configuration_can_name_the_folder_of_migrations() {
    let project = Project::new(&[
        ("prisma/schema.prisma", &format!("{HEAD}\n{SHOP}")),
        ("sql/changes/1_init.sql", SHOP_SQL),
        ("sql/changes/2_index.sql", HAZARD_SQL),
        ("pgsteward.toml", "[migrations]\npath = \"sql/changes\"\napplied_through = \"1_init\"\n"),
    ]);
    let review = project.check(&["--no-lab"]);
    assert_eq!(review.migrations(), (2, 1));
    assert_eq!(review.of_rule("index-not-concurrent").len(), 1);
    project.write("pgsteward.toml", "[migrations]\npath = \"sql/nowhere\"\n");
    let run = project.run(&["check", "--no-lab"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("sql/nowhere") && run.stderr.contains("hint: "), "{}", run.stderr);
}
