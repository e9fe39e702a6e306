//! The code's calls: listed with their plans, and shown on generated rows.

use std::path::Path;

use serde_json::Value;

use crate::support::{HEAD, Project, Review};

/// Accounts with their entries, written in two orders.
const BANK: &str = "model Account {\n  id      Int     @id @default(autoincrement())\n  owner   String\n  email   String\n  balance Int     @default(0)\n  entries Entry[]\n}\n\n\
    model Entry {\n  id        Int     @id @default(autoincrement())\n  accountId Int\n  note      String\n  amount    Int\n  account   Account @relation(fields: [accountId], references: [id])\n\n  @@index([accountId])\n  @@index([note])\n}\n";

const BANK_SQL: &str = "CREATE TABLE \"Account\" (\"id\" SERIAL NOT NULL, \"owner\" TEXT NOT NULL, \"email\" TEXT NOT NULL, \"balance\" INTEGER NOT NULL DEFAULT 0, CONSTRAINT \"Account_pkey\" PRIMARY KEY (\"id\"));\n\
    CREATE TABLE \"Entry\" (\"id\" SERIAL NOT NULL, \"accountId\" INTEGER NOT NULL, \"note\" TEXT NOT NULL, \"amount\" INTEGER NOT NULL, CONSTRAINT \"Entry_pkey\" PRIMARY KEY (\"id\"));\n\
    CREATE INDEX \"Entry_accountId_idx\" ON \"Entry\"(\"accountId\");\n\
    CREATE INDEX \"Entry_note_idx\" ON \"Entry\"(\"note\");\n\
    ALTER TABLE \"Entry\" ADD CONSTRAINT \"Entry_accountId_fkey\" FOREIGN KEY (\"accountId\") REFERENCES \"Account\"(\"id\") ON DELETE RESTRICT ON UPDATE CASCADE;\n";

const BANK_TS: &str = r#"import { PrismaClient } from '@prisma/client'

export const prisma = new PrismaClient()

export async function statement(accountId: number) {
  return prisma.entry.findMany({ where: { accountId }, orderBy: { id: 'desc' }, take: 20 })
}

export async function byOwner(owner: string) {
  return prisma.account.findMany({ where: { owner }, take: 50, select: { id: true, balance: true } })
}

export async function open(owner: string, email: string) {
  return prisma.account.create({ data: { owner, email }, select: { id: true } })
}

export async function record(accountId: number, amount: number, note: string) {
  return prisma.entry.create({ data: { accountId, amount, note }, select: { id: true } })
}

export async function deposit(accountId: number, entryId: number, amount: number) {
  await prisma.$transaction(async (tx) => {
    await tx.account.update({ where: { id: accountId }, data: { balance: { increment: amount } } })
    await tx.entry.update({ where: { id: entryId }, data: { amount } })
  })
}

export async function correct(accountId: number, entryId: number, amount: number) {
  await prisma.$transaction(async (tx) => {
    await tx.entry.update({ where: { id: entryId }, data: { amount } })
    await tx.account.update({ where: { id: accountId }, data: { balance: { increment: amount } } })
  })
}

export async function any(filter: any) {
  return prisma.account.findMany(filter)
}

export async function heavy() {
  return prisma.$queryRaw`SELECT "accountId", sum("amount") FROM "Entry" GROUP BY 1`
}
"#;

fn bank() -> Project {
    Project::new(&[
        ("prisma/schema.prisma", &format!("{HEAD}\n{BANK}")),
        ("prisma/migrations/20260101000000_init/migration.sql", BANK_SQL),
        ("package.json", "{\"dependencies\": {\"@prisma/client\": \"6.19.0\"}}\n"),
        ("src/bank.ts", BANK_TS),
    ])
}

fn call<'a>(queries: &'a Value, function: &str) -> &'a Value {
    let calls = queries["calls"].as_array().unwrap();
    calls
        .iter()
        .find(|call| call["function"] == function)
        .unwrap_or_else(|| panic!("{function}: {queries:#}"))
}

#[test]
fn every_call_is_listed_with_its_plan() {
    let project = bank();
    let run = project.run(&["queries", "--format", "json", "--unused-index"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    let queries = run.json();
    assert!(queries["generated_rows"].as_u64().unwrap() > 1_000, "{queries:#}");
    assert_eq!(queries["total"], 10);
    let statement = &call(&queries, "statement")["statements"][0];
    assert_eq!(call(&queries, "statement")["line"], 6);
    assert!(
        statement["sql"].as_str().unwrap().starts_with("SELECT \"public\".\"Entry\".\"id\""),
        "{statement:#}"
    );
    let scan = statement["plan"]["scan"].as_str().unwrap();
    assert!(scan.contains("\"Entry\"") && !scan.starts_with("Seq Scan"), "{statement:#}");
    let by_owner = &call(&queries, "byOwner")["statements"][0]["plan"];
    assert_eq!(by_owner["scan"], "Seq Scan on \"Account\"", "{queries:#}");
    assert!(call(&queries, "any")["not_understood"].is_string());
    let reasons = queries["not_understood"].as_array().unwrap();
    assert_eq!(
        reasons.iter().map(|reason| reason["calls"].as_u64().unwrap()).sum::<u64>(),
        1,
        "{reasons:#?}"
    );
    let heavy = &call(&queries, "heavy")["statements"][0];
    assert_eq!(heavy["plan"]["scan"], "Seq Scan on \"Entry\"", "a raw query is planned too: {heavy:#}");
    let unused = queries["unused_indexes"].as_array().unwrap();
    assert_eq!(unused.len(), 1, "{unused:#?}");
    assert_eq!(unused[0]["index"], "Entry_note_idx");
    assert_eq!(unused[0]["definition"], "btree (note)");
}

#[test]
fn queries_in_words_sql_and_markdown() {
    let project = bank();
    let table = project.run(&["queries", "--table", "Account", "--no-lab"]);
    assert_eq!(table.code, Some(0), "{}", table.both());
    insta::assert_snapshot!("queries_of_a_table", table.snapshot());
    let sql = project.run(&["queries", "--table", "public.Entry", "--no-lab", "--format", "sql"]);
    assert!(sql.stdout.contains("-- src/bank.ts:6 entry.findMany\nSELECT "), "{}", sql.stdout);
    let parsed = sql.stdout.lines().filter(|line| line.ends_with(';')).count();
    assert_eq!(parsed, sql.stdout.matches("-- src/bank.ts").count(), "one statement under each comment");
    let markdown = project.run(&["queries", "--no-lab", "--format", "markdown"]);
    assert!(markdown.stdout.starts_with("| place | call | SQL | plan |\n|---|"), "{}", markdown.stdout);
}

#[test]
fn queries_asked_wrongly() {
    let project = bank();
    for (name, arguments) in [
        ("queries_of_no_table", &["queries", "--no-lab", "--table", "Acount"][..]),
        ("queries_in_no_format", &["queries", "--format", "xml"]),
        ("queries_in_no_folder", &["queries", "nowhere"]),
    ] {
        let run = project.run(arguments);
        assert_eq!(run.code, Some(2), "{}", run.both());
        insta::assert_snapshot!(name, run.snapshot());
    }
    let nothing = Project::new(&[("src/a.ts", "export const a = 1\n")]);
    let run = nothing.run(&["queries"]);
    assert_eq!(run.code, Some(2), "{}", run.both());
    assert!(run.stderr.contains("holds no Prisma schema"), "{}", run.stderr);
}

fn observations<'a>(finding: &'a Value, kind: &str) -> Vec<&'a Value> {
    let all = finding["proof"]["observations"].as_array().into_iter().flatten();
    all.filter(|observation| observation["kind"] == kind).collect()
}

#[test]
fn a_deadlock_and_an_index_are_shown_in_the_lab() {
    let project = bank();
    let rules = "transactions-lock-in-different-order,call-without-index";
    let review = project.check(&["--select", rules]);
    let deadlock = review.of_rule("transactions-lock-in-different-order");
    assert_eq!(deadlock.len(), 1, "{:#}", review.json);
    assert_eq!(deadlock[0]["proof"]["verdict"], "proven", "{:#}", deadlock[0]);
    let met = observations(deadlock[0], "deadlocked");
    assert_eq!(met[0]["error"]["sqlstate"], "40P01", "{:#}", deadlock[0]);
    let index = review.of_rule("call-without-index");
    assert_eq!(index.len(), 1, "{:#}", review.json);
    assert_eq!(index[0]["proof"]["verdict"], "proven", "{:#}", index[0]);
    let runs = observations(index[0], "ran");
    assert_eq!(runs.len(), 2, "{:#}", index[0]);
    assert_eq!(runs[0]["plan"], "Seq Scan on \"Account\"");
    assert!(runs[1]["plan"].as_str().unwrap().contains("Account_owner_idx"), "{:#}", runs[1]);
    assert!(runs[1]["buffers"].as_u64() < runs[0]["buffers"].as_u64());

    let none = project.check(&["--select", rules, "--prove", "none"]);
    assert!(none.of_rule("call-without-index")[0]["proof"].is_null(), "{:#}", none.json);
    let files = project.check(&["--select", rules, "--no-lab"]);
    let index = files.of_rule("call-without-index");
    assert_eq!(observations(index[0], "ran").len(), 0, "nothing runs without a lab");
}

/// What the marketplace's README plants, on rows.
#[test]
fn the_marketplace_is_shown_on_rows() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/marketplace");
    let project = Project::new(&[]);
    let shown = "cursor-without-unique-order,distinct-in-memory,nested-take-in-memory,query-in-loop,\
                 insensitive-equals-is-pattern,undefined-filter,call-without-index,pattern-without-trigram-index";
    let run = project.run(&["check", "--format", "json", "--select", shown, folder.to_str().unwrap()]);
    let review: Review = run.review();
    assert!(review.findings().len() >= 10, "{:#}", review.json);
    for finding in review.findings() {
        let rule = finding["rule"].as_str().unwrap();
        let runs = observations(finding, "ran");
        assert!(!runs.is_empty(), "{rule}: {finding:#}");
        // A unique value beside the missing one finds its row with it or without.
        let reason = finding["proof"]["reason"].as_str().unwrap_or_default();
        let proven = finding["proof"]["verdict"] == "proven" || reason.contains("both reach the same");
        assert!(proven, "{rule}: {:#}", finding["proof"]);
        let number = |run: &Value, name: &str| run[name].as_u64().unwrap();
        match rule {
            "cursor-without-unique-order" | "distinct-in-memory" | "nested-take-in-memory" => {
                assert!(number(runs[0], "rows_fetched") > number(runs[0], "rows_returned"), "{runs:#?}");
            }
            "query-in-loop" => {
                assert!(
                    number(runs[0], "statements") > 10 && number(runs[1], "statements") == 1,
                    "{runs:#?}"
                );
            }
            _ => {}
        }
    }
}
