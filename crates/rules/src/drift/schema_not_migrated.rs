//! The Prisma schema says something that no migration does.

use std::sync::Arc;

use pgsteward_model::catalog::QName;
use pgsteward_model::change::{Change, EditAction, FileEdit, Fix, Rollback, Safety, Step};
use pgsteward_model::drift::{Drift, DriftKind};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::{History, Layout};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::rule::{Group, Rule};

use super::shared::{self, Class};

pub(super) static RULE: Rule = Rule {
    id: "schema-not-migrated",
    group: Group::Drift,
    severity: Severity::Warning,
    needs: &[Need::Drift],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("schema_not_migrated.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    shared::of(facts, Class::SchemaNotMigrated).map(|drift| finding(facts, drift)).collect()
}

fn finding(facts: &Facts, drift: &Drift) -> Finding {
    let name = shared::name(drift);
    let (message, severity) = match drift.kind {
        DriftKind::Added => {
            (format!("no migration makes {name} of the Prisma schema"), shared::severity_of_lack(drift))
        }
        DriftKind::Changed => (
            format!("the Prisma schema changes {name} and no migration does"),
            shared::severity_of_lack(drift),
        ),
        DriftKind::Dropped => {
            (format!("the Prisma schema no longer has {name} and no migration drops it"), Severity::Warning)
        }
        DriftKind::Recreated => {
            (format!("the Prisma schema makes {name} anew, which loses what it holds"), Severity::Error)
        }
    };
    let detail = if shared::is_implicit_table(drift) {
        "Since version 6 Prisma gives the table of an implicit many-to-many relation a primary key in place of its \
         unique index. The two do the same; \"prisma migrate dev\" writes this step once after the upgrade."
    } else if severity == Severity::Error {
        "A client generated from this schema asks for what a database made by the migrations does not have: its queries \
         fail there."
    } else {
        "A database made by the migrations differs from what the schema says; \"prisma migrate dev\" would write this step \
         into whatever migration comes next."
    };
    let severity = if shared::is_implicit_table(drift) { Severity::Warning } else { severity };
    let finding = shared::finding(facts, &RULE, drift, message)
        .severity(severity)
        .detail(detail)
        .hint("write the migration with \"prisma migrate dev --create-only\" and commit it with the schema");
    match facts.history.as_ref().and_then(|history| migration(history, drift)) {
        Some(fix) => finding.fix(fix),
        None => finding,
    }
}

/// A migration that builds a missing index without stopping writes. Other steps depend on each other's order
/// and on data, which `migrate dev` knows and a single finding does not.
fn migration(history: &History, drift: &Drift) -> Option<Fix> {
    if history.layout != Layout::Prisma
        || drift.kind != DriftKind::Added
        || drift.object.kind != ObjectKind::Index
    {
        return None;
    }
    let name = drift.object.name.as_deref()?;
    let statement = drift.sql.trim().trim_end_matches(';');
    // A unique index depends on the data, so a person must look first.
    let rest = statement.lines().find_map(|line| line.strip_prefix("CREATE INDEX "))?;
    if statement.contains(';') {
        return None;
    }
    let folder = format!("{}_{}", next_prefix(&history.files.last()?.name)?, folder_word(name));
    let path: Arc<str> = format!("{}/{folder}/migration.sql", history.directory).into();
    let index = QName::new(drift.object.namespace.clone().unwrap_or_else(|| "public".into()), name);
    Some(Fix {
        title: format!("add migration \"{folder}\""),
        safety: Safety::Review,
        change: Change {
            steps: vec![Step::Edit(FileEdit {
                file: path.clone(),
                action: EditAction::Create(format!("-- CreateIndex\nCREATE INDEX CONCURRENTLY {rest};\n")),
            })],
            rollback: Rollback::Steps(vec![
                Step::sql_alone(format!("DROP INDEX CONCURRENTLY {}", pgsteward_sql::quote_name(&index))),
                Step::Edit(FileEdit { file: path, action: EditAction::Delete }),
            ]),
        },
    })
}

/// The number that a folder's name begins with, plus one: folders run in the order of their names, and a rule
/// reads no clock. None where that would need one digit more, which would sort before.
fn next_prefix(last: &str) -> Option<String> {
    let digits: &str = last.split(|character: char| !character.is_ascii_digit()).next()?;
    let next = digits.parse::<u64>().ok()?.checked_add(1)?.to_string();
    (next.len() <= digits.len()).then(|| format!("{next:0>width$}", width = digits.len()))
}

fn folder_word(name: &str) -> String {
    name.chars()
        .map(|character| if character.is_ascii_alphanumeric() { character.to_ascii_lowercase() } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use pgsteward_model::drift::DriftBetween;
    use pgsteward_model::migration::{MigrationFile, Regime};
    use pgsteward_model::place::ObjectRef;

    use super::*;

    #[test]
    fn folders_sort_after_the_last() {
        assert_eq!(next_prefix("20260101000000_init").as_deref(), Some("20260101000001"));
        assert_eq!(next_prefix("01_init").as_deref(), Some("02"));
        assert_eq!(next_prefix("99_init"), None);
        assert_eq!(next_prefix("init"), None);
    }

    #[test]
    fn a_missing_index_gets_a_migration_and_a_missing_column_does_not() {
        let history = History {
            directory: "prisma/migrations".into(),
            layout: Layout::Prisma,
            files: vec![MigrationFile {
                name: "19_session_replay".into(),
                path: "prisma/migrations/19_session_replay/migration.sql".into(),
                down: None,
                judged: false,
                statements: Vec::new(),
                errors: Vec::new(),
                checksum: String::new(),
            }],
            regime: Regime::PerStatement,
            judged_because: String::new(),
            replay: None,
        };
        let index = Drift {
            between: DriftBetween::HistoryAndSchema,
            kind: DriftKind::Added,
            object: ObjectRef::of_relation(ObjectKind::Index, "public", "session_replay", "session_replay_visit_id_idx"),
            at: None,
            sql: "-- CreateIndex\nCREATE INDEX \"session_replay_visit_id_idx\" ON \"session_replay\"(\"visit_id\");\n".into(),
            inexpressible: false,
            restore: None,
        };
        let fix = migration(&history, &index).expect("a fix");
        let expected = FileEdit {
            file: "prisma/migrations/20_session_replay_visit_id_idx/migration.sql".into(),
            action: EditAction::Create(
                "-- CreateIndex\nCREATE INDEX CONCURRENTLY \"session_replay_visit_id_idx\" ON \"session_replay\"(\"visit_id\");\n"
                    .into(),
            ),
        };
        assert_eq!(fix.change.steps, [Step::Edit(expected)]);
        let unique = Drift { sql: "CREATE UNIQUE INDEX \"a\" ON \"b\"(\"c\")".into(), ..index.clone() };
        assert_eq!(migration(&history, &unique), None);
        let column = Drift { object: ObjectRef::column("public", "a", "b"), ..index };
        assert_eq!(migration(&history, &column), None);
    }
}
