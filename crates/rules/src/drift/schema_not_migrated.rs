//! The Prisma schema says something that no migration does.

use pgsteward_model::catalog::QName;
use pgsteward_model::change::{Change, Fix, Rollback, Safety, Step};
use pgsteward_model::drift::{Drift, DriftKind};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
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
    let message = match drift.kind {
        DriftKind::Added => format!("no migration makes {name} of the Prisma schema"),
        DriftKind::Changed => format!("the Prisma schema changes {name} and no migration does"),
        DriftKind::Dropped => format!("the Prisma schema no longer has {name} and no migration drops it"),
        DriftKind::Recreated => {
            format!(
                "the Prisma schema gives a column of {name} a type that loses what it holds, and no migration does"
            )
        }
    };
    let severity = shared::severity(drift);
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
    match missing_index(drift) {
        Some(fix) => finding.fix(fix),
        None => finding,
    }
}

/// Builds a missing index without stopping writes. Other steps depend on each other's order and on data,
/// which `migrate dev` knows and a single finding does not; a unique index depends on data, too.
fn missing_index(drift: &Drift) -> Option<Fix> {
    if drift.kind != DriftKind::Added || drift.object.kind != ObjectKind::Index {
        return None;
    }
    let name = drift.object.name.as_deref()?;
    let statement = drift.sql.trim().trim_end_matches(';');
    let rest = statement.lines().find_map(|line| line.strip_prefix("CREATE INDEX "))?;
    if statement.contains(';') {
        return None;
    }
    let index = QName::new(drift.object.namespace.clone().unwrap_or_else(|| "public".into()), name);
    Some(Fix {
        title: format!("build index \"{name}\" of the Prisma schema"),
        safety: Safety::Review,
        change: Change {
            steps: vec![Step::sql_alone(format!("CREATE INDEX CONCURRENTLY {rest}"))],
            rollback: Rollback::Steps(vec![Step::sql_alone(format!(
                "DROP INDEX CONCURRENTLY {}",
                pgsteward_sql::quote_name(&index)
            ))]),
        },
    })
}

#[cfg(test)]
mod tests {
    use pgsteward_model::drift::DriftBetween;
    use pgsteward_model::place::ObjectRef;

    use super::*;

    #[test]
    fn a_missing_index_is_built_concurrently_and_a_missing_column_is_left_to_prisma() {
        let index = Drift {
            between: DriftBetween::HistoryAndSchema,
            kind: DriftKind::Added,
            object: ObjectRef::of_relation(ObjectKind::Index, "public", "session_replay", "session_replay_visit_id_idx"),
            at: None,
            sql: "-- CreateIndex\nCREATE INDEX \"session_replay_visit_id_idx\" ON \"session_replay\"(\"visit_id\");\n".into(),
            inexpressible: false,
            restore: None,
        };
        let fix = missing_index(&index).expect("a fix");
        let expected =
            "CREATE INDEX CONCURRENTLY \"session_replay_visit_id_idx\" ON \"session_replay\"(\"visit_id\")";
        assert_eq!(fix.change.steps, [Step::sql_alone(expected)]);
        let back = Step::sql_alone("DROP INDEX CONCURRENTLY session_replay_visit_id_idx");
        assert_eq!(fix.change.rollback, Rollback::Steps(vec![back]));
        let unique = Drift { sql: "CREATE UNIQUE INDEX \"a\" ON \"b\"(\"c\")".into(), ..index.clone() };
        assert_eq!(missing_index(&unique), None);
        let column = Drift { object: ObjectRef::column("public", "a", "b"), ..index };
        assert_eq!(missing_index(&column), None);
    }
}
