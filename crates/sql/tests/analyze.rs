//! Files under a transaction regime, and the catalog that a history leaves.

use pgsteward_model::catalog::{Catalog, QName};
use pgsteward_model::migration::Regime;
use pgsteward_model::version::ServerVersion;
use pgsteward_sql::{Births, analyze_file};

/// One letter per statement: `o` commits by itself, `t` with others; then its lock timeout, if any.
fn regime(regime: Regime, text: &str) -> String {
    let mut catalog = Catalog::empty(ServerVersion::of_major(17));
    let file = analyze_file(text, &mut catalog, &mut Births::default(), regime);
    assert_eq!(file.errors, []);
    let statement = |statement: &pgsteward_model::migration::MigrationStatement| {
        let timeout = statement.lock_timeout_ms.map(|timeout| timeout.to_string()).unwrap_or_default();
        format!("{}{timeout}", if statement.own_transaction { "o" } else { "t" })
    };
    file.statements.iter().map(statement).collect::<Vec<_>>().join(" ")
}

#[test]
fn transactions_follow_the_regime() {
    let two = "CREATE TABLE a (id int); CREATE TABLE b (id int);";
    assert_eq!(regime(Regime::OneMessage, two), "t t");
    assert_eq!(regime(Regime::PerStatement, two), "o o");
    assert_eq!(regime(Regime::Psql, two), "o o");
    let one = "CREATE INDEX CONCURRENTLY i ON a (id);";
    assert_eq!(regime(Regime::OneMessage, one), "o");
    let concurrently = "CREATE TABLE a (id int); CREATE INDEX CONCURRENTLY i ON a (id);";
    assert_eq!(regime(Regime::OneMessage, concurrently), "t t");
    assert_eq!(regime(Regime::PerStatement, concurrently), "o o");
    // What Prisma's splitter cannot read stays one message.
    assert_eq!(regime(Regime::PerStatement, "CREATE TABLE a (id int); DROP INDEX CONCURRENTLY i;"), "t t");
    assert_eq!(regime(Regime::PerStatement, "DO $$ BEGIN END $$; CREATE TABLE a (id int);"), "t t");
    let block = "BEGIN; CREATE TABLE a (id int); CREATE TABLE b (id int); COMMIT; CREATE TABLE c (id int);";
    assert_eq!(regime(Regime::Psql, block), "t t t t o");
    assert_eq!(regime(Regime::OneMessage, block), "t t t t o");
}

#[test]
fn lock_timeouts_are_followed() {
    let text = "SELECT 1; SET lock_timeout = '2s'; SELECT 1; SET lock_timeout TO 500; SELECT 1; RESET ALL; SELECT 1;";
    assert_eq!(regime(Regime::Psql, text), "o o2000 o2000 o500 o500 o o");
    let local = "BEGIN; SET LOCAL lock_timeout = '1min'; SELECT 1; COMMIT; SELECT 1;";
    assert_eq!(regime(Regime::Psql, local), "t t60000 t60000 t o");
    assert_eq!(regime(Regime::Psql, "SET lock_timeout = 0; SELECT 1;"), "o o");
}

/// Columns, constraints, indexes, sequences and enums after the files, in words.
fn history(files: &[&str]) -> String {
    let mut catalog = Catalog::empty(ServerVersion::of_major(17));
    let mut births = Births::default();
    for text in files {
        births.start_deploy();
        births.start_file();
        assert_eq!(analyze_file(text, &mut catalog, &mut births, Regime::OneMessage).errors, []);
    }
    let mut lines = Vec::new();
    for table in catalog.tables.values() {
        let columns: Vec<String> =
            table.columns.iter().map(|column| format!("{} {}", column.name, column.ty)).collect();
        lines.push(format!("{}: {}", table.name.display(), columns.join(", ")));
        lines.extend(table.constraints.iter().map(|constraint| format!("  {}", constraint.name)));
        let plain = table.indexes.iter().filter(|index| index.constraint.is_none());
        lines.extend(plain.map(|index| format!("  {} ({})", index.name, index.leading_columns().join(", "))));
    }
    lines.extend(catalog.sequences.keys().map(|name| format!("sequence {}", name.display())));
    lines.extend(
        catalog.enums.values().map(|found| format!("enum {} {:?}", found.name.display(), found.values)),
    );
    lines.join("\n")
}

#[test]
fn prisma_recreates_an_enum() {
    let found = history(&[
        r#"CREATE TYPE "Role" AS ENUM ('A', 'B'); CREATE TABLE "User" (role "Role" DEFAULT 'A', roles "Role"[]);"#,
        r#"BEGIN;
        CREATE TYPE "Role_new" AS ENUM ('A');
        ALTER TABLE "User" ALTER COLUMN "role" DROP DEFAULT;
        ALTER TABLE "User" ALTER COLUMN "role" TYPE "Role_new" USING ("role"::text::"Role_new");
        ALTER TABLE "User" ALTER COLUMN "roles" TYPE "Role_new"[] USING ("roles"::text::"Role_new"[]);
        ALTER TYPE "Role" RENAME TO "Role_old";
        ALTER TYPE "Role_new" RENAME TO "Role";
        DROP TYPE "Role_old";
        COMMIT;"#,
    ]);
    assert_eq!(found, "User: role Role, roles Role[]\nenum Role [\"A\"]");
}

#[test]
fn names_are_those_that_the_server_chooses() {
    let found = history(&[
        "CREATE TABLE t (id serial PRIMARY KEY, a int UNIQUE CHECK (a > 0), b int REFERENCES t, CHECK (a < b), UNIQUE (a, b));
         CREATE INDEX ON t (a); CREATE INDEX ON t (a); CREATE INDEX ON t (lower(a::text), (a + b));
         ALTER TABLE t ADD CHECK (b > 0), ADD UNIQUE (a);",
        "ALTER TABLE t RENAME TO u; ALTER TABLE u RENAME COLUMN a TO c; CREATE TABLE t (id serial PRIMARY KEY);",
    ]);
    let wanted = "\
t: id integer
  t_pkey1
u: id integer, c integer, b integer
  t_pkey
  t_a_key
  t_a_check
  t_b_fkey
  t_check
  t_a_b_key
  t_b_check
  t_a_key1
  t_a_idx (c)
  t_a_idx1 (c)
  t_lower_expr_idx ()
sequence t_id_seq
sequence t_id_seq1";
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&found), sorted(wanted));
}

#[test]
fn ages_tell_the_file_from_the_deploy() {
    use pgsteward_model::effect::Age;
    let mut catalog = Catalog::empty(ServerVersion::of_major(17));
    let mut births = Births::default();
    let mut ages = Vec::new();
    births.start_deploy();
    births.start_file();
    analyze_file("CREATE TABLE old (id int)", &mut catalog, &mut births, Regime::OneMessage);
    births.start_deploy();
    births.start_file();
    analyze_file("CREATE TABLE young (id int)", &mut catalog, &mut births, Regime::OneMessage);
    births.start_file();
    let text = "CREATE TABLE new (id int); DROP TABLE old, young, new, other;";
    let file = analyze_file(text, &mut catalog, &mut births, Regime::OneMessage);
    for name in ["old", "young", "new", "other"] {
        ages.push(file.statements[1].effect.touch(&QName::public(name)).map(|touch| touch.age));
    }
    let wanted = [Age::Earlier, Age::SameDeploy, Age::SameFile, Age::Unknown].map(Some);
    assert_eq!(ages, wanted);
}
