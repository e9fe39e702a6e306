//! A complete index on a column that is nearly always NULL.

use pgsteward_model::catalog::{Index, QName, Table, TableKind};
use pgsteward_model::change::{Change, Fix, Rollback, Safety, Step};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_sql::{ddl, quote_ident, quote_literal, quote_name};

use super::shared as index;
use crate::shared;

pub(super) static RULE: Rule = Rule {
    id: "index-on-mostly-null",
    group: Group::Index,
    severity: Severity::Info,
    needs: &[Need::Statistics],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &["pg-index-health:indexes_with_null_values"],
    page: include_str!("index_on_mostly_null.md"),
    check,
};

/// Share of NULLs above which most of the index is dead weight.
const MOSTLY: f64 = 0.9;

/// From this size on it is worth a warning.
const LARGE: u64 = 100 * 1024 * 1024;

const MIN_ROWS: f64 = 10_000.0;

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(catalog) = facts.catalog() else { return Vec::new() };
    let mut findings = Vec::new();
    for table in index::tables(catalog) {
        if index::rows(table).is_none_or(|rows| rows < MIN_ROWS) {
            continue;
        }
        for candidate in &table.indexes {
            let single = candidate.keys.len() == 1
                && candidate.method == "btree"
                && candidate.predicate.is_none()
                && index::serves_queries_only(candidate)
                && !index::only_cover_of_a_foreign_key(table, candidate)
                && !index::is_superfluous(table, candidate);
            let column = candidate.keys.first().and_then(|key| table.column(key.column.as_deref()?));
            let nulls = column.and_then(|column| Some(column.statistics.as_ref()?.null_fraction));
            if let (true, Some(column), Some(nulls)) = (single, column, nulls.filter(|nulls| *nulls > MOSTLY))
            {
                findings.push(finding(facts, table, candidate, &column.name, nulls));
            }
        }
    }
    findings
}

fn finding(facts: &Facts, table: &Table, candidate: &Index, column: &str, nulls: f64) -> Finding {
    let name = &candidate.name;
    let bytes = candidate.statistics.as_ref().map_or(0, |statistics| statistics.bytes);
    let mut finding = Finding::on_object(
        &RULE,
        shared::index_place(facts, table, candidate),
        format!("index \"{name}\" keeps the NULLs of \"{}.{column}\", which are {:.0} % of the rows", table.name.display(), nulls * 100.0),
    )
    .severity(if bytes >= LARGE { Severity::Warning } else { Severity::Info })
    .detail(format!(
        "It has {}; with WHERE {} IS NOT NULL it would have about {}, and writes of rows without a value would pass it by.",
        index::pretty_bytes(bytes),
        quote_ident(column),
        index::pretty_bytes((bytes as f64 * (1.0 - nulls)) as u64)
    ))
    .hint(format!("make the index partial: WHERE {} IS NOT NULL", quote_ident(column)))
    .evidence(Evidence::Share { what: "null_fraction".into(), value: nulls })
    .evidence(Evidence::Size { relation: name.clone(), bytes });
    if table.kind == TableKind::Ordinary {
        finding = finding.fix(Fix {
            title: format!("rebuild \"{name}\" without the NULLs"),
            safety: Safety::Review,
            change: exchange(table, candidate, column),
        });
    }
    finding
}

/// Builds the partial index beside the complete one and gives it the name. Prisma compares predicates only
/// with its preview feature for partial indexes, so under the same name it sees no difference.
fn exchange(table: &Table, complete: &Index, column: &str) -> Change {
    let mut taken = complete.name.clone();
    let mut cut = taken.len().min(shared::MAX_IDENTIFIER - "_new".len());
    while !taken.is_char_boundary(cut) {
        cut -= 1;
    }
    taken.truncate(cut);
    let passing = Index { name: format!("{taken}_new"), comment: None, ..complete.clone() };
    let predicate = Some(format!("{} IS NOT NULL", quote_ident(column)));
    let partial = Index { predicate, ..passing.clone() };
    let qualified = |name: &str| quote_name(&QName::new(table.name.namespace.clone(), name));
    let swap = |new: &Index| {
        let mut steps = vec![
            Step::sql_alone(ddl::index(&table.name, new, true)),
            Step::sql_alone(format!("DROP INDEX CONCURRENTLY {}", qualified(&complete.name))),
            Step::sql(format!(
                "ALTER INDEX {} RENAME TO {}",
                qualified(&new.name),
                quote_ident(&complete.name)
            )),
        ];
        if let Some(comment) = &complete.comment {
            let name = qualified(&complete.name);
            steps.push(Step::sql(format!("COMMENT ON INDEX {name} IS {}", quote_literal(comment))));
        }
        steps
    };
    Change { steps: swap(&partial), rollback: Rollback::Steps(swap(&passing)) }
}
