//! Which rule speaks of a difference, and the words that all of them use. Every difference belongs to
//! exactly one rule.

use pgsteward_model::drift::{Drift, DriftBetween, DriftKind};
use pgsteward_model::facts::Facts;
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::place::{ObjectKind, Place};
use pgsteward_model::rule::Rule;

use crate::shared::range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    WouldDrop,
    TableWithoutModel,
    SchemaNotMigrated,
    DatabaseDiffersFromHistory,
    DatabaseDiffersFromSchema,
}

pub(super) fn class(drift: &Drift) -> Class {
    match drift.between {
        DriftBetween::HistoryAndDatabase => Class::DatabaseDiffersFromHistory,
        DriftBetween::SchemaAndDatabase => Class::DatabaseDiffersFromSchema,
        DriftBetween::HistoryAndSchema if drift.inexpressible => Class::WouldDrop,
        DriftBetween::HistoryAndSchema => match (drift.kind, drift.object.kind) {
            (DriftKind::Dropped, ObjectKind::Table) => Class::TableWithoutModel,
            (DriftKind::Dropped, ObjectKind::Index) if !is_implicit_table(drift) => Class::WouldDrop,
            _ => Class::SchemaNotMigrated,
        },
    }
}

/// A step of the change that Prisma 6 makes to the table of an implicit many-to-many relation (`_AToB`): a
/// primary key in place of the unique index.
pub(super) fn is_implicit_table(drift: &Drift) -> bool {
    let relation = drift.object.relation.as_deref().unwrap_or("");
    relation.starts_with('_') && (drift.sql.contains("_AB_pkey") || drift.sql.contains("_AB_unique"))
}

/// The differences of one class, in the order they were found.
pub(super) fn of(facts: &Facts, wanted: Class) -> impl Iterator<Item = &Drift> {
    facts.drift.iter().flatten().filter(move |drift| class(drift) == wanted)
}

/// A finding at the object, and at its place in the Prisma schema where there is one. The step's SQL is the
/// evidence. Two differences of one object are told apart by their kind and SQL.
pub(super) fn finding(facts: &Facts, rule: &Rule, drift: &Drift, message: String) -> Finding {
    let place = Place::object(drift.object.clone()).with_file(drift.at.as_ref().map(|at| range(facts, at)));
    let mut finding =
        Finding::on_object(rule, place, message).evidence(Evidence::Sql { sql: drift.sql.trim().to_owned() });
    let same = |other: &&Drift| other.object == drift.object && class(other) == class(drift);
    if facts.drift.iter().flatten().filter(same).count() > 1 {
        finding.identity =
            format!("{}/{}", finding.identity, pgsteward_model::finding::fingerprint(&[drift.sql.trim()]));
    }
    finding
}

/// `table "Order"`, `column "Order.total"`.
pub(super) fn name(drift: &Drift) -> String {
    format!("{} \"{}\"", drift.object.kind.word().replace('_', " "), drift.object.display())
}

/// How bad it is that a step did not run where the client works: a query that names a missing table, column,
/// type or value fails.
pub(super) fn severity(drift: &Drift) -> Severity {
    let named = matches!(
        drift.object.kind,
        ObjectKind::Table | ObjectKind::Enum | ObjectKind::View | ObjectKind::Schema | ObjectKind::Column
    );
    let adds = drift.sql.contains("ADD COLUMN") || drift.sql.contains("ADD VALUE");
    match drift.kind {
        DriftKind::Added if named => Severity::Error,
        DriftKind::Changed if adds => Severity::Error,
        DriftKind::Recreated => Severity::Error,
        DriftKind::Added | DriftKind::Changed | DriftKind::Dropped => Severity::Warning,
    }
}

#[cfg(test)]
mod tests {
    use pgsteward_model::place::ObjectRef;

    use super::*;

    fn drifts() -> Vec<Drift> {
        let mut all = Vec::new();
        for between in [
            DriftBetween::HistoryAndSchema,
            DriftBetween::HistoryAndDatabase,
            DriftBetween::SchemaAndDatabase,
        ] {
            for kind in [DriftKind::Added, DriftKind::Dropped, DriftKind::Changed, DriftKind::Recreated] {
                for inexpressible in [false, true] {
                    for object in [
                        ObjectRef::relation(ObjectKind::Table, "public", "Order"),
                        ObjectRef::column("public", "Order", "total"),
                        ObjectRef::of_relation(ObjectKind::Index, "public", "Order", "Order_total_idx"),
                        ObjectRef::in_namespace(ObjectKind::Enum, "public", "Status"),
                    ] {
                        all.push(Drift {
                            between,
                            kind,
                            object,
                            at: None,
                            sql: "SELECT 1".into(),
                            inexpressible,
                            restore: None,
                        });
                    }
                }
            }
        }
        all
    }

    #[test]
    fn every_difference_is_exactly_one_finding_of_exactly_one_rule() {
        for drift in drifts() {
            let facts = Facts { drift: Some(vec![drift.clone()]), ..Facts::default() };
            let found: Vec<Finding> =
                crate::drift::RULES.iter().flat_map(|rule| (rule.check)(&facts)).collect();
            assert_eq!(found.len(), 1, "{drift:?}");
            assert_eq!(found[0].at.object, Some(drift.object));
            assert!(!found[0].detail.is_empty() && !found[0].hint.is_empty());
            assert_eq!(found[0].evidence, [Evidence::Sql { sql: "SELECT 1".into() }]);
        }
        let facts = Facts { drift: Some(drifts()), ..Facts::default() };
        let found: usize = crate::drift::RULES.iter().map(|rule| (rule.check)(&facts).len()).sum();
        assert_eq!(found, drifts().len());
    }

    #[test]
    fn what_queries_would_miss_is_an_error() {
        let drift = |kind, object, sql: &str| Drift {
            between: DriftBetween::HistoryAndSchema,
            kind,
            object,
            at: None,
            sql: sql.into(),
            inexpressible: false,
            restore: None,
        };
        let table = ObjectRef::relation(ObjectKind::Table, "public", "Order");
        let index = ObjectRef::of_relation(ObjectKind::Index, "public", "Order", "Order_total_idx");
        let cases = [
            (drift(DriftKind::Added, table.clone(), "CREATE TABLE \"Order\" ()"), Severity::Error),
            (
                drift(DriftKind::Changed, table.clone(), "ALTER TABLE \"Order\" ADD COLUMN     \"a\" TEXT"),
                Severity::Error,
            ),
            (
                drift(DriftKind::Changed, table.clone(), "ALTER TABLE \"Order\" DROP COLUMN \"a\""),
                Severity::Warning,
            ),
            (drift(DriftKind::Recreated, table, "ALTER TABLE …"), Severity::Error),
            (drift(DriftKind::Added, index, "CREATE INDEX …"), Severity::Warning),
        ];
        for (drift, expected) in cases {
            assert_eq!(severity(&drift), expected, "{}", drift.sql);
        }
    }

    #[test]
    fn what_the_steps_would_add_the_database_lacks() {
        for between in [DriftBetween::HistoryAndDatabase, DriftBetween::SchemaAndDatabase] {
            for (kind, word) in [(DriftKind::Added, "lacks"), (DriftKind::Dropped, "has")] {
                let drift = drifts().into_iter().find(|drift| drift.between == between && drift.kind == kind);
                let facts = Facts { drift: drift.map(|drift| vec![drift]), ..Facts::default() };
                let found: Vec<Finding> =
                    crate::drift::RULES.iter().flat_map(|rule| (rule.check)(&facts)).collect();
                assert!(
                    found[0].message.starts_with(&format!("the database {word} table \"Order\"")),
                    "{found:?}"
                );
            }
        }
    }

    #[test]
    fn no_difference_is_no_finding() {
        for drift in [None, Some(Vec::new())] {
            let facts = Facts { drift, ..Facts::default() };
            assert!(crate::drift::RULES.iter().all(|rule| (rule.check)(&facts).is_empty()));
        }
    }
}
