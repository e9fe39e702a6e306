//! What a migration says about itself: the summary of `migrate diff` and the warnings of `migrate dev`. The texts
//! are those that Prisma's schema engine gave for the same schemas.

use std::sync::Arc;

use pgsteward_model::catalog::{Catalog, QName};
use pgsteward_model::prisma::PrismaSchema;
use pgsteward_model::source::SourceFile;
use pgsteward_model::version::ServerVersion;
use pgsteward_prisma::data_loss::{self, Counts, Danger};
use pgsteward_prisma::diff::{DiffOptions, SchemaStep, diff};
use pgsteward_prisma::{NO_DIFFERENCE, calculate, parse, render, summary};

const VERSION: ServerVersion = ServerVersion(170_010);

struct Migration {
    from: Catalog,
    to: Catalog,
    options: DiffOptions,
    steps: Vec<SchemaStep>,
}

fn migration(from: &str, to: &str) -> Migration {
    let [from, to] = [from, to].map(|text| -> PrismaSchema {
        let schema = parse(&[Arc::new(SourceFile::new("schema.prisma", text))]);
        assert_eq!(schema.errors, []);
        schema
    });
    let options = DiffOptions::between(&from, &to);
    let (from, to) = (calculate(&from, VERSION), calculate(&to, VERSION));
    let steps = diff(&from, &to, &options);
    Migration { from, to, options, steps }
}

impl Migration {
    fn summary(&self) -> String {
        summary(&self.steps, &self.from, &self.to, &self.options)
    }

    fn dangers(&self) -> Vec<(usize, Danger)> {
        data_loss::dangers(&self.steps, &self.from, &self.to, &self.options)
    }
}

const BEFORE: &str = "model A {\n id Int @id\n gone String?\n n Int @default(1)\n t String?\n u Int\n b BigInt\n}\nmodel Gone {\n id Int @id\n}\nenum E {\n X\n Y\n}\n";
const AFTER: &str = "model A {\n id Int @id\n n Int @default(2)\n t String\n u DateTime\n b Int @unique\n made String @default(uuid())\n plain String\n}\nenum E {\n X\n}\n";

#[test]
fn a_summary_has_prismas_words() {
    assert_eq!(
        migration(BEFORE, AFTER).summary(),
        "
[-] Removed tables
  - Gone

[*] Changed the `E` enum
  [-] Removed variant `Y`

[*] Changed the `A` table
  [-] Removed column `gone`
  [+] Added column `made`
  [+] Added column `plain`
  [*] Altered column `n` (default changed from `Some(Value(Int(1)))` to `Some(Value(Int(2)))`)
  [*] Altered column `t` (changed from Nullable to Required)
  [*] Column `u` would be dropped and recreated (type changed)
  [*] Altered column `b` (type changed)
  [+] Added unique index on columns (b)
"
    );
    assert_eq!(migration(AFTER, AFTER).summary(), NO_DIFFERENCE);
}

#[test]
fn of_a_database_a_summary_knows_no_point_in_time_but_the_present_one() {
    let model = |default: &str| {
        format!("model A {{\n id Int @id\n n Int @default(1)\n d DateTime{default} @db.Timestamp(3)\n}}\n")
    };
    let mut migration = migration(&model(" @default(\"2020-01-02T03:04:05Z\")"), &model("?"));
    let changed = |default: &str| {
        format!("(changed from Required to Nullable, default changed from `Some({default})` to `None`)\n")
    };
    let said = migration.summary();
    assert!(said.ends_with(&changed("Value(DateTime(2020-01-02T03:04:05+00:00))")), "{said}");
    let table = migration.from.tables.get_mut(&QName::public("A")).unwrap();
    Arc::make_mut(table).column_mut("d").unwrap().default =
        Some("'2020-01-02 03:04:05'::timestamp without time zone".into());
    migration.options.before = None;
    migration.steps = diff(&migration.from, &migration.to, &migration.options);
    let printed = r#"DbGenerated(Some("'2020-01-02 03:04:05'::timestamp without time zone"))"#;
    let said = migration.summary();
    assert!(said.ends_with(&changed(printed)), "{said}");
}

#[test]
fn warnings_without_a_database_speak_of_what_may_be() {
    let found = migration(BEFORE, AFTER).dangers();
    assert_eq!(
        data_loss::comment(&found),
        "/*
  Warnings:

  - The values [Y] on the enum `E` will be removed. If these variants are still used in the database, this will fail.
  - You are about to drop the column `gone` on the `A` table. All the data in the column will be lost.
  - You are about to alter the column `b` on the `A` table. The data in that column could be lost. The data in that column will be cast from `BigInt` to `Integer`.
  - You are about to drop the `Gone` table. If the table is not empty, all the data it contains will be lost.
  - A unique constraint covering the columns `[b]` on the table `A` will be added. If there are existing duplicate values, this will fail.
  - The required column `made` was added to the `A` table with a prisma-level default value. This is not possible if the table is not empty. Please add this column as optional, then populate it before making it required.
  - Added the required column `plain` to the `A` table without a default value. This is not possible if the table is not empty.
  - Made the column `t` on table `A` required. This step will fail if there are existing NULL values in that column.
  - Changed the type of `u` on the `A` table. No cast exists, the column would be dropped and recreated, which cannot be done if there is data, since the column is required.

*/
"
    );
    assert_eq!(data_loss::comment(&migration(AFTER, AFTER).dangers()), "");
}

#[test]
fn counts_silence_what_cannot_happen_and_number_what_can() {
    let found = migration(BEFORE, AFTER).dangers();
    let (a, gone) = (QName::public("A"), QName::public("Gone"));
    let mut counts = Counts::default();
    for (_, danger) in &found {
        let needs = danger.needs();
        counts.rows.extend(needs.rows.map(|table| (table, 3)));
        counts.values.extend(needs.values.map(|column| (column, 2)));
    }
    let said = |counts: &Counts| -> Vec<String> {
        found.iter().filter_map(|(_, danger)| danger.message(counts)).collect()
    };
    let all = said(&counts);
    assert_eq!(all.len(), found.len());
    for wanted in [
        "You are about to drop the `Gone` table, which is not empty (3 rows).",
        "You are about to drop the column `gone` on the `A` table, which still contains 2 non-null values.",
        "Made the column `t` on table `A` required, but there are 1 existing NULL values.",
        "Added the required column `plain` to the `A` table without a default value. There are 3 rows in this table, it is not possible to execute this step.",
        "You are about to alter the column `b` on the `A` table, which contains 2 non-null values. The data in that column will be cast from `BigInt` to `Integer`.",
    ] {
        assert!(all.iter().any(|message| message == wanted), "{all:#?}");
    }
    counts.rows.insert(gone, 0);
    counts.rows.insert(a, 0);
    let left = said(&counts);
    // Neither needs rows to be said.
    assert_eq!(left.len(), 2, "{left:#?}");
}

#[test]
fn what_prisma_writes_but_no_server_runs_is_left_out() {
    let from = "model A {\n id Int @id(map: \"old\")\n n Int @default(autoincrement())\n b Int @default(autoincrement())\n}\n";
    let to = "model A {\n id Int\n n Int @default(7)\n b BigInt @default(autoincrement())\n @@id([id, n], map: \"new\")\n}\n";
    assert_eq!(
        render::render(&migration(from, to).steps),
        "-- AlterTable
ALTER TABLE \"A\" DROP CONSTRAINT \"old\",
ALTER COLUMN \"n\" SET DEFAULT 7,
ALTER COLUMN \"b\" SET DATA TYPE BIGINT,
ADD CONSTRAINT \"new\" PRIMARY KEY (\"id\", \"n\");
"
    );
}
