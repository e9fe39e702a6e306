//! A foreign key whose columns lead no index.

use pgsteward_model::change::{Change, Fix, Safety};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::shared as index;
use crate::shared;

pub(super) static RULE: Rule = Rule {
    id: "foreign-key-without-index",
    group: Group::Index,
    severity: Severity::Warning,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma, Need::Statistics],
    since: "0.1.0",
    ancestors: &[
        "splinter:0001",
        "eugene:E15",
        "pg-index-health:foreign_keys_without_index",
        "prisma-lint:require-field-index",
    ],
    page: include_str!("foreign_key_without_index.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(catalog) = facts.catalog() else { return Vec::new() };
    let mut findings = Vec::new();
    for table in catalog.user_tables() {
        // A partition's keys are its parent's; one finding on the parent says it all.
        if table.partition_of.is_some() {
            continue;
        }
        let mut reported: Vec<&[String]> = Vec::new();
        for (constraint, key) in table.foreign_keys() {
            if index::covered(table, &key.columns) || reported.contains(&key.columns.as_slice()) {
                continue;
            }
            reported.push(&key.columns);
            let columns = shared::quoted_list(&key.columns);
            let (steps, rollback) = shared::add_index(facts, table, &key.columns);
            let mut finding = Finding::on_object(
                &RULE,
                shared::foreign_key_place(facts, table, constraint, &key.columns),
                format!("foreign key \"{}\" of \"{}\" has no index on {columns}", constraint.name, table.name.display()),
            )
            .detail(format!(
                "Each DELETE or key UPDATE in \"{}\" reads all of \"{}\" to look for rows that still refer to it, \
                 and so does each query from a parent to its children.",
                key.references.display(),
                table.name.display()
            ))
            .hint(format!("add an index whose leading columns are {columns}"))
            .fix(Fix {
                title: format!("add an index on \"{}\" ({})", table.name.display(), key.columns.join(", ")),
                safety: Safety::Review,
                change: Change { steps, rollback },
            });
            if let Some(rows) = table.statistics.as_ref().and_then(|statistics| statistics.rows) {
                finding = finding.evidence(Evidence::Rows { relation: table.name.display(), rows });
            }
            findings.push(finding);
        }
    }
    findings
}
