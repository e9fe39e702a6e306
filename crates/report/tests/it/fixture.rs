//! A small shop's review that has every member of the model in it, and the odd ones: nothing found, hostile
//! names, hundreds of findings of one rule.

use std::sync::Arc;

use pgsteward_model::change::{
    Change, EditAction, FileEdit, Fix, PrismaEdit, Rollback, Safety, Step, TextEdit,
};
use pgsteward_model::facts::{Facts, Gap, Need, Target};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::lock::LockMode;
use pgsteward_model::migration::ServerError;
use pgsteward_model::place::{ObjectKind, ObjectRef, Place};
use pgsteward_model::proof::{Observation, Proof, Verdict};
use pgsteward_model::review::{Review, ReviewedCode};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::source::{SourceFile, Span};
use pgsteward_model::version::ServerVersion;

fn finds_nothing(_: &Facts) -> Vec<Finding> {
    Vec::new()
}

const fn rule(id: &'static str, group: Group, severity: Severity, page: &'static str) -> Rule {
    Rule {
        id,
        group,
        severity,
        needs: &[Need::Catalog],
        sharper_with: &[Need::Statistics],
        since: "0.1.0",
        ancestors: &[],
        page,
        check: finds_nothing,
    }
}

pub(crate) static FOREIGN_KEY: Rule = Rule {
    ancestors: &["splinter:0001_unindexed_foreign_keys"],
    ..rule(
        "foreign-key-without-index",
        Group::Index,
        Severity::Warning,
        "# foreign-key-without-index\n\n\
         A foreign key whose columns no index covers makes every delete of a parent scan the child.\n\n\
         ## Why\n\nPostgreSQL indexes the **referenced** side only. See [the manual](https://www.postgresql.org/docs/17/ddl-constraints.html) on `REFERENCES`.\n\n\
         - deleting a parent reads the whole child table, however large that one has become over the years\n\
         - joins read it too\n\n\
         ## Wrong\n\n```sql migrations/1/migration.sql\nCREATE TABLE a (b int REFERENCES b); -- finding\n```\n",
    )
};
pub(crate) static REWRITE: Rule = rule(
    "column-type-change-rewrites",
    Group::Migration,
    Severity::Error,
    "# column-type-change-rewrites\n\nA change of a column's type that rewrites the table under an exclusive lock.\n",
);
pub(crate) static TIMESTAMP: Rule = rule(
    "timestamp-without-time-zone",
    Group::Schema,
    Severity::Info,
    "# timestamp-without-time-zone\n\nA timestamp that does not say which moment it is.\n",
);
pub(crate) static REDUNDANT: Rule = rule(
    "redundant-index",
    Group::Index,
    Severity::Warning,
    "# redundant-index\n\nAn index whose columns another index begins with.\n",
);
pub(crate) static REPLAY: Rule = rule(
    "migration-fails",
    Group::Migration,
    Severity::Error,
    "# migration-fails\n\nA migration that a server refuses to run.\n",
);
pub(crate) static POOL: Rule = rule(
    "connection-limit-too-high",
    Group::Config,
    Severity::Warning,
    "# connection-limit-too-high\n\nMore connections than the server takes.\n",
);

const SCHEMA: &str = r#"datasource db {
  provider = "postgresql"
  url      = env("DATABASE_URL")
}

model Vendor {
  id        Int      @id @default(autoincrement())
  name      String
  orders    Order[]
  createdAt DateTime @default(now())
  updatedAt DateTime @updatedAt
}

model Order {
  id        Int      @id @default(autoincrement())
  vendorId  Int
  vendor    Vendor   @relation(fields: [vendorId], references: [id])
  total     Float
  createdAt DateTime @default(now())
  paidAt    DateTime?
  sentAt    DateTime?
}
"#;

const MIGRATION: &str = "-- Totals grow\nALTER TABLE \"Order\"\n  ALTER COLUMN \"total\" TYPE numeric(12,2);\nCREATE INDEX \"x\" ON \"Odrer\" (\"total\");\n";

const SCHEMA_FILE: &str = "prisma/schema.prisma";
const MIGRATION_FILE: &str = "prisma/migrations/20260301120000_total/migration.sql";

fn schema() -> SourceFile {
    SourceFile::new(SCHEMA_FILE, SCHEMA)
}

/// Where `needle` first stands in the file after `after`.
fn span(text: &str, after: &str, needle: &str) -> Span {
    let from = text.find(after).expect("the anchor is in the text");
    let start = from + text[from..].find(needle).expect("the needle is in the text");
    Span::new(start, start + needle.len())
}

fn in_schema(model: &str, needle: &str) -> Place {
    Place::file(schema().range(span(SCHEMA, &format!("model {model}"), needle)))
}

fn in_migration(needle: &str) -> Place {
    Place::file(SourceFile::new(MIGRATION_FILE, MIGRATION).range(span(MIGRATION, "", needle)))
}

fn server_error() -> ServerError {
    ServerError {
        sqlstate: "42P01".into(),
        message: "relation \"Odrer\" does not exist".into(),
        detail: None,
        hint: Some("Perhaps you meant \"Order\".".into()),
        position: Some(17),
    }
}

fn rewrite() -> Finding {
    let at = in_migration("ALTER TABLE \"Order\"\n  ALTER COLUMN \"total\" TYPE numeric(12,2)")
        .with_object(ObjectRef::column("public", "Order", "total"));
    let sql = "ALTER TABLE \"Order\" ALTER COLUMN \"total\" TYPE numeric(12,2)";
    Finding {
        fix: Some(Fix {
            title: "change the type in steps".into(),
            safety: Safety::Manual,
            change: Change {
                steps: vec![Step::sql(sql)],
                rollback: Rollback::Impossible { reason: "digits are lost".into() },
            },
        }),
        proof: Some(Proof {
            subject: "add a column, copy, swap".into(),
            server: Some(ServerVersion(150_018)),
            observations: vec![
                Observation::Applied { sql: sql.into(), micros: 8_100 },
                Observation::Rewrite { sql: sql.into(), relation: "Order".into() },
                Observation::FindingRemains,
                Observation::NewFinding {
                    rule: "column-without-default".into(),
                    message: "column \"total2\" of \"Order\" has no default".into(),
                },
                Observation::CatalogDiffers {
                    differences: vec![
                        "column \"Order\".\"total2\" is new".into(),
                        "column \"Order\".\"total\" is gone".into(),
                        "index \"a\" is gone".into(),
                        "index \"b\" is gone".into(),
                    ],
                },
            ],
            verdict: Verdict::Refuted { reason: "the table is rewritten all the same".into() },
        }),
        ..Finding::on_statement(
            &REWRITE,
            "20260301120000_total",
            "f1",
            at,
            "changing the type of column \"total\" rewrites table \"Order\"",
        )
        .detail(
            "The statement writes all of \"Order\" anew and holds an ACCESS EXCLUSIVE lock meanwhile: no query \
             on the table runs until it is done.",
        )
        .hint("Add a new column, copy in batches, then swap the names.")
        .evidence(Evidence::Lock {
            relation: "Order".into(),
            mode: LockMode::AccessExclusive,
            blocks_reads: true,
            blocks_writes: true,
        })
        .evidence(Evidence::Rows { relation: "Order".into(), rows: 1_234_567.0 })
        .evidence(Evidence::Size { relation: "Order".into(), bytes: 96 << 20 })
        .evidence(Evidence::Sql { sql: sql.into() })
        .also(in_schema("Order", "total     Float"))
    }
}

fn replay_failure() -> Finding {
    let at = in_migration("\"Odrer\"");
    Finding::on_statement(&REPLAY, "20260301120000_total", "f2", at, "the server refuses this statement")
        .detail("The file stops here and what follows it never runs.")
        .evidence(Evidence::ServerError(server_error()))
        .hint("Correct the name of the table.")
}

fn foreign_key() -> Finding {
    let at = in_schema("Order", "vendor    Vendor").with_object(ObjectRef::of_relation(
        ObjectKind::ForeignKey,
        "public",
        "Order",
        "Order_vendorId_fkey",
    ));
    let end_of_order = SCHEMA.rfind('}').expect("the model ends");
    let create = "CREATE INDEX CONCURRENTLY \"Order_vendorId_idx\" ON \"public\".\"Order\" (\"vendorId\")";
    Finding {
        proof: Some(Proof {
            subject: "add an index on \"Order\" (\"vendorId\")".into(),
            server: Some(ServerVersion(150_018)),
            observations: vec![
                Observation::FileParses { file: SCHEMA_FILE.into() },
                Observation::Applied { sql: create.into(), micros: 7_200 },
                Observation::Lock {
                    sql: create.into(),
                    relation: "Order".into(),
                    mode: LockMode::ShareUpdateExclusive,
                },
                Observation::FindingGone,
                Observation::RolledBack { micros: 4_900 },
                Observation::AppliedAgain,
            ],
            verdict: Verdict::Proven,
        }),
        ..Finding::on_object(
            &FOREIGN_KEY,
            at,
            "foreign key \"Order_vendorId_fkey\" of table \"Order\" has no index",
        )
    }
    .detail("Deleting a row of \"Vendor\" reads all of \"Order\".")
    .hint("Add @@index([vendorId]) to the model.")
    .evidence(Evidence::Rows { relation: "Order".into(), rows: 1_234_567.0 })
    .fix(Fix {
        title: "add an index on \"Order\" (\"vendorId\")".into(),
        safety: Safety::Review,
        change: Change {
            steps: vec![
                Step::Edit(FileEdit {
                    file: SCHEMA_FILE.into(),
                    action: EditAction::Replace(vec![TextEdit {
                        span: Span::new(end_of_order, end_of_order),
                        text: "\n  @@index([vendorId])\n".into(),
                    }]),
                }),
                Step::sql_alone(create),
            ],
            rollback: Rollback::Steps(vec![Step::sql_alone(
                "DROP INDEX CONCURRENTLY \"public\".\"Order_vendorId_idx\"",
            )]),
        },
    })
}

fn redundant() -> Finding {
    let at = Place::object(ObjectRef::of_relation(ObjectKind::Index, "audit", "Event", "Event_actor_idx"));
    Finding {
        proof: Some(Proof {
            subject: "drop the index".into(),
            server: None,
            observations: vec![
                Observation::SameCatalog,
                Observation::Failed { sql: "DROP INDEX \"Event_actor_idx\"".into(), error: server_error() },
            ],
            verdict: Verdict::Unprovable { reason: "no PostgreSQL could be started".into() },
        }),
        ..Finding::on_object(
            &REDUNDANT,
            at,
            "index \"Event_actor_idx\" is a prefix of \"Event_actor_at_idx\"",
        )
    }
    .detail("Every write to \"Event\" pays for it.")
    .evidence(Evidence::Count { what: "index_scans".into(), value: 0 })
    .evidence(Evidence::Share { what: "null_fraction".into(), value: 0.975 })
    .also(Place::object(ObjectRef::of_relation(ObjectKind::Index, "audit", "Event", "Event_actor_at_idx")))
    .fix(Fix {
        title: "drop index \"Event_actor_idx\"".into(),
        safety: Safety::Manual,
        change: Change {
            steps: vec![
                Step::Wait { until: "the statistics are a month old".into() },
                Step::Prisma(PrismaEdit::Remove { file: SCHEMA_FILE.into(), span: Span::new(0, 1) }),
                Step::Edit(FileEdit {
                    file: "prisma/migrations/20260302_drop/migration.sql".into(),
                    action: EditAction::Create("DROP INDEX \"audit\".\"Event_actor_idx\";\n".into()),
                }),
                Step::Edit(FileEdit { file: "prisma/old.sql".into(), action: EditAction::Delete }),
            ],
            rollback: Rollback::Impossible { reason: "its statistics are lost with it".into() },
        },
    })
}

fn pool() -> Finding {
    let at = Place { query: Some("8f3a2b1c".into()), ..Place::setting("connection_limit") };
    Finding::on_object(&POOL, at, "connection_limit is above what the server takes")
        .evidence(Evidence::Setting { name: "max_connections".into(), value: "100".into() })
        .hint("Lower connection_limit to 20.")
}

fn timestamp(model: &str, column: &str) -> Finding {
    let at = in_schema(model, &format!("{column} DateTime")).with_object(ObjectRef::column(
        "public",
        model,
        column.trim(),
    ));
    let type_end = at.file.as_ref().expect("it has a file").span.end;
    let type_end = type_end + usize::from(SCHEMA[type_end..].starts_with('?'));
    let column = column.trim();
    Finding {
        proof: Some(Proof {
            subject: format!("make \"{model}\".\"{column}\" a timestamptz"),
            server: None,
            observations: vec![
                Observation::FileParses { file: SCHEMA_FILE.into() },
                Observation::FindingGone,
            ],
            verdict: Verdict::Proven,
        }),
        ..Finding::on_object(&TIMESTAMP, at, format!("column \"{column}\" of \"{model}\" has no time zone"))
    }
    .detail("Two servers with different settings read two different moments from it.")
    .fix(Fix {
        title: format!("make \"{model}\".\"{column}\" a timestamptz"),
        safety: Safety::Safe,
        change: Change {
            steps: vec![Step::Edit(FileEdit {
                file: SCHEMA_FILE.into(),
                action: EditAction::Replace(vec![TextEdit {
                    span: Span::new(type_end, type_end),
                    text: " @db.Timestamptz(3)".into(),
                }]),
            })],
            rollback: Rollback::Steps(vec![Step::Edit(FileEdit {
                file: SCHEMA_FILE.into(),
                action: EditAction::Replace(vec![TextEdit {
                    span: Span::new(type_end, type_end + " @db.Timestamptz(3)".len()),
                    text: String::new(),
                }]),
            })]),
        },
    })
}

/// Every member of the model, in the order that the engine sorts.
pub(crate) fn shop() -> Review {
    let mut findings = vec![rewrite(), replay_failure(), pool(), foreign_key(), redundant()];
    for (model, column) in [
        ("Vendor", "createdAt"),
        ("Vendor", "updatedAt"),
        ("Order", "createdAt"),
        ("Order", "paidAt   "),
        ("Order", "sentAt   "),
    ] {
        findings.push(timestamp(model, column));
    }
    let mut review = Review {
        root: "examples/shop".into(),
        schemas: vec![SCHEMA_FILE.into()],
        migrations: 12,
        judged: 1,
        judged_because: "after 20260228090000_reviews, from applied_through".into(),
        code: Some(ReviewedCode {
            files: 1_209,
            bytes: 6_400_000,
            calls: 1_179,
            understood: 1_160,
            raw: 12,
            not_understood: [("where is not written at the call".to_owned(), 19)].into(),
        }),
        findings,
        gaps: vec![
            Gap {
                skipped_rules: vec!["unused-index".into(), "constant-column-index".into()],
                ..Gap::new(
                    "statistics",
                    "No live server was read, so sizes and index use are unknown.",
                    "Run pgsteward check --url env.",
                )
                .for_needs(&[Need::Statistics])
            },
            Gap::new("extension vector", "The lab has no extension vector; its columns were replaced.", ""),
        ],
        allowed: 2,
        baselined: 41,
        ..nothing()
    };
    review.sources.add(schema());
    review.sources.add(SourceFile::new(MIGRATION_FILE, MIGRATION));
    with_keys(review)
}

/// A clean project.
pub(crate) fn nothing() -> Review {
    Review {
        tool_version: "0.1.0".into(),
        root: ".".into(),
        schemas: vec![SCHEMA_FILE.into()],
        migrations: 434,
        judged: 0,
        judged_because: "all are applied".into(),
        server_version: Some(ServerVersion(150_018)),
        rules: vec![&FOREIGN_KEY, &REWRITE, &TIMESTAMP, &REDUNDANT, &REPLAY, &POOL],
        elapsed_ms: 1_234,
        ..Review::default()
    }
}

/// What every text of a review would be if its repository wanted to harm whoever reads the report.
pub(crate) const HOSTILE: &str = "x\u{1b}]0;pwned\u{7}\u{1b}[2J\r\n::error::injected\u{85}\u{9b}31m\u{202e}gnp.exe\u{2028}\u{200b}\u{e0041}\
     `</details><img src=x>|[a](javascript:b)| @everyone %0A --> postgres://u:hunter2@h/d ``` end";

/// Hostile text in every place that text can be.
pub(crate) fn hostile() -> Review {
    let text = || HOSTILE.to_owned();
    let shared: Arc<str> = HOSTILE.into();
    let source = SourceFile::new(shared.clone(), format!("one\n{HOSTILE}\nthree\n"));
    let object = ObjectRef {
        kind: ObjectKind::Function,
        database: Some(text()),
        namespace: Some(text()),
        relation: Some(text()),
        column: None,
        name: Some(text()),
        arguments: Some(text()),
    };
    let error = ServerError {
        sqlstate: text(),
        message: text(),
        detail: Some(text()),
        hint: Some(text()),
        position: Some(1),
    };
    let steps = || {
        vec![
            Step::sql(HOSTILE),
            Step::Wait { until: text() },
            Step::Prisma(PrismaEdit::SetFieldAttribute { model: text(), field: text(), attribute: text() }),
            Step::Edit(FileEdit {
                file: shared.clone(),
                action: EditAction::Replace(vec![TextEdit { span: Span::new(4, 5), text: text() }]),
            }),
            Step::Edit(FileEdit { file: shared.clone(), action: EditAction::Create(text()) }),
        ]
    };
    let fix = |safety| Fix {
        title: text(),
        safety,
        change: Change { steps: steps(), rollback: Rollback::Steps(steps()) },
    };
    let proof = |verdict| Proof {
        subject: text(),
        server: Some(ServerVersion(170_010)),
        observations: vec![
            Observation::Applied { sql: text(), micros: 5 },
            Observation::Lock { sql: text(), relation: text(), mode: LockMode::Share },
            Observation::Rewrite { sql: text(), relation: text() },
            Observation::NewFinding { rule: text(), message: text() },
            Observation::CatalogDiffers { differences: vec![text()] },
            Observation::Failed { sql: text(), error: error.clone() },
            Observation::FileParses { file: text() },
            Observation::Attacked { what: text(), sql: text(), refused: Some(error.clone()), rows: 1 },
        ],
        verdict,
    };
    let at = Place {
        file: Some(source.range(Span::new(8, 30))),
        object: Some(object.clone()),
        query: Some(text()),
        setting: Some(text()),
    };
    let finding = |at: Place, safety, verdict| Finding {
        detail: text(),
        hint: text(),
        also: vec![at.clone(), Place::object(object.clone())],
        evidence: vec![
            Evidence::Lock {
                relation: text(),
                mode: LockMode::Share,
                blocks_reads: false,
                blocks_writes: true,
            },
            Evidence::Rows { relation: text(), rows: 1.0 },
            Evidence::Size { relation: text(), bytes: 1 },
            Evidence::Count { what: text(), value: 1 },
            Evidence::Share { what: text(), value: 0.5 },
            Evidence::Setting { name: text(), value: text() },
            Evidence::Sql { sql: text() },
            Evidence::ServerError(error.clone()),
            Evidence::Transitions { relation: text(), column: text(), allowed: vec![(text(), text())] },
        ],
        fix: Some(fix(safety)),
        proof: Some(proof(verdict)),
        key: text(),
        ..Finding::on_object(&FOREIGN_KEY, at, HOSTILE)
    };
    let mut findings = vec![
        finding(at.clone(), Safety::Review, Verdict::Refuted { reason: text() }),
        finding(Place::object(object.clone()), Safety::Review, Verdict::Proven),
    ];
    for _ in 0..8 {
        findings.push(Finding {
            rule: TIMESTAMP.id,
            ..finding(Place::setting(HOSTILE), Safety::Safe, Verdict::Proven)
        });
    }
    let mut review = Review {
        root: text(),
        schemas: vec![text()],
        judged_because: text(),
        findings,
        gaps: vec![Gap { skipped_rules: vec![text()], ..Gap::new(text(), text(), text()) }],
        ..nothing()
    };
    review.sources.add(source);
    review
}

/// 200 findings of one rule in 40 tables, besides another finding.
pub(crate) fn many() -> Review {
    let mut findings = vec![foreign_key()];
    for table in 0..40 {
        for column in ["createdAt", "updatedAt", "deletedAt", "startsAt", "endsAt"] {
            let relation = format!("Table{table:02}");
            findings.push(Finding {
                at: Place::object(ObjectRef::column("public", &relation, column)),
                message: format!("column \"{column}\" of \"{relation}\" has no time zone"),
                identity: format!("{relation}.{column}"),
                also: Vec::new(),
                ..timestamp("Order", "createdAt")
            });
        }
    }
    let mut review = Review { findings, migrations: 1, judged: 1, ..nothing() };
    review.sources.add(schema());
    with_keys(review)
}

fn with_keys(mut review: Review) -> Review {
    let target = Target { project: Some("shop".into()), ..Target::default() };
    for finding in &mut review.findings {
        finding.key = finding.key_on(&target);
    }
    review
}
