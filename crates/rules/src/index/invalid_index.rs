//! An index that a failed concurrent build left behind.

use pgsteward_model::catalog::{Index, QName, Table, TableKind};
use pgsteward_model::change::{Change, Fix, Rollback, Safety, Step};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_sql::{ddl, quote_name};

use super::shared::{self as index, Keys};
use crate::shared;

pub(super) static RULE: Rule = Rule {
    id: "invalid-index",
    group: Group::Index,
    severity: Severity::Error,
    needs: &[Need::Catalog],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &["pg-index-health:invalid_indexes", "pghero:invalid_indexes"],
    page: include_str!("invalid_index.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(catalog) = facts.catalog() else { return Vec::new() };
    catalog
        .user_tables()
        .filter(|table| table.kind != TableKind::Foreign)
        .flat_map(|table| table.indexes.iter().map(move |index| (table, index)))
        .filter(|(_, index)| !index.valid)
        .map(|(table, index)| finding(facts, table, index))
        .collect()
}

fn finding(facts: &Facts, table: &Table, invalid: &Index) -> Finding {
    let name = &invalid.name;
    let finding = Finding::on_object(
        &RULE,
        shared::index_place(facts, table, invalid),
        format!("index \"{name}\" of \"{}\" is invalid", table.name.display()),
    )
    .evidence(Evidence::Sql { sql: ddl::index(&table.name, invalid, true) });
    if table.kind == TableKind::Partitioned {
        return finding
            .severity(Severity::Warning)
            .detail("It stays invalid until every partition has its part of the index attached; queries use the parts they find.")
            .hint("build the missing parts with CREATE INDEX CONCURRENTLY and attach each with ALTER INDEX … ATTACH PARTITION");
    }
    let leftover = is_leftover(name)
        || table.indexes.iter().any(|other| {
            other.unique == invalid.unique && index::stands_in(invalid, other) == Some(Keys::Same)
        });
    let promise = if invalid.unique {
        "it refuses duplicates that come now, but those that were there before may still be there"
    } else {
        "no query uses it"
    };
    let finding = finding.detail(format!(
        "A concurrent build failed or was cancelled and left it behind: {promise}, and every write still maintains it."
    ));
    let qualified = quote_name(&QName::new(table.name.namespace.clone(), name.clone()));
    if leftover {
        return finding.hint(format!("drop \"{name}\": another index does its work")).fix(Fix {
            title: format!("drop invalid index \"{name}\""),
            safety: Safety::Review,
            change: Change {
                steps: vec![Step::sql_alone(format!("DROP INDEX CONCURRENTLY {qualified}"))],
                rollback: Rollback::Impossible {
                    reason: "an invalid index serves no query, and PostgreSQL has no command that makes one"
                        .into(),
                },
            },
        });
    }
    let hint = if invalid.unique {
        "remove the duplicates, then rebuild it with REINDEX INDEX CONCURRENTLY"
    } else {
        "rebuild it with REINDEX INDEX CONCURRENTLY, or drop it if nobody missed it"
    };
    finding.hint(hint).fix(Fix {
        title: format!("rebuild invalid index \"{name}\""),
        // A unique index fails to build again while the duplicates that broke it are there.
        safety: if invalid.unique { Safety::Manual } else { Safety::Review },
        change: Change {
            steps: vec![Step::sql_alone(format!("REINDEX INDEX CONCURRENTLY {qualified}"))],
            rollback: Rollback::Impossible {
                reason: "the rebuild keeps the index's definition and only makes it usable; there is nothing to put back"
                    .into(),
            },
        },
    })
}

/// `REINDEX CONCURRENTLY` that failed leaves its new index as `…_ccnew`, or the old one as `…_ccold`, with a
/// number where the name was taken.
fn is_leftover(name: &str) -> bool {
    let stem = name.trim_end_matches(|character: char| character.is_ascii_digit());
    stem.ends_with("_ccnew") || stem.ends_with("_ccold")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pgsteward_model::catalog::Catalog;
    use pgsteward_model::facts::{CatalogFacts, CatalogOrigin};
    use pgsteward_model::version::ServerVersion;

    use super::*;

    fn index(name: &str, unique: bool, valid: bool) -> Index {
        Index { unique, valid, ..Index::btree(name, &["vendor_id"]) }
    }

    /// The statement and the safety of the fix of the one finding.
    fn fix_of(indexes: Vec<Index>) -> (String, Safety) {
        let mut catalog = Catalog::empty(ServerVersion::of_major(17));
        let name = QName::public("Order");
        let table = Table { indexes, ..Table::new(name.clone()) };
        catalog.tables.insert(name, Arc::new(table));
        let facts = Facts {
            catalog: Some(CatalogFacts { catalog, origin: CatalogOrigin::Replayed }),
            ..Facts::default()
        };
        let mut found = check(&facts);
        assert_eq!(found.len(), 1);
        let fix = found.remove(0).fix.expect("a fix");
        let [Step::Sql(step)] = fix.change.steps.as_slice() else { panic!("one statement") };
        assert!(!step.transactional);
        assert!(matches!(fix.change.rollback, Rollback::Impossible { .. }));
        (step.sql.clone(), fix.safety)
    }

    #[test]
    fn what_nothing_replaces_is_rebuilt() {
        assert_eq!(
            fix_of(vec![index("Order_vendor", false, false)]),
            ("REINDEX INDEX CONCURRENTLY \"Order_vendor\"".to_owned(), Safety::Review)
        );
        assert_eq!(fix_of(vec![index("Order_vendor", true, false)]).1, Safety::Manual);
    }

    #[test]
    fn leftovers_are_dropped() {
        let drop = |name: &str| (format!("DROP INDEX CONCURRENTLY {name}"), Safety::Review);
        assert_eq!(fix_of(vec![index("a_ccnew", false, false)]), drop("a_ccnew"));
        assert_eq!(fix_of(vec![index("a_ccold1", true, false)]), drop("a_ccold1"));
        assert_eq!(fix_of(vec![index("a1", false, false), index("a", false, true)]), drop("a1"));
    }
}
