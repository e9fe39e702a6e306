//! `ADD COLUMN … NOT NULL` without a default: it fails on the first table that holds a row.

use pgsteward_model::catalog::TypeClass;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{AddColumn, AlterAction};

use super::shared::{self, Cost};

pub(super) static RULE: Rule = Rule {
    id: "required-column-without-default",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[
        "squawk:adding-required-field",
        "atlas:MF103",
        "pgfence:add-column-not-null-no-default",
        "prisma:AddedRequiredField",
    ],
    page: include_str!("required_column_without_default.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (hit, _, _, action) in shared::actions(facts) {
        let AlterAction::AddColumn { column: added, .. } = action else { continue };
        if !is_required(added) {
            continue;
        }
        let (column, table) = (&added.column.name, hit.table());
        let size = shared::size_of(facts, &hit.touch.relation);
        let (severity, sure) = match size.and_then(|size| size.rows) {
            Some(rows) if rows > 0.0 => (Severity::Error, "fails, because"),
            _ => (Severity::Warning, "fails if"),
        };
        let finding = hit.finding(
                &RULE,
                Cost::Work,
                hit.column(column),
                format!("adding required column \"{table}.{column}\" without a default {sure} the table holds rows"),
                "The rows that are there would hold NULL in the new column, so the server refuses it (error 23502, \
                 not_null_violation). Were the table empty, the application that still runs could no longer insert.",
            )
            .severity(severity)
            .hint(
                "give the column a default, or add it without NOT NULL, fill it in batches, and make it required in a later \
                 migration",
            );
        findings.push(shared::answered(facts, hit.file, hit.statement, "23502", finding));
    }
    findings
}

fn is_required(added: &AddColumn) -> bool {
    let column = &added.column;
    column.not_null
        && column.default.is_none()
        && column.identity.is_none()
        && column.generated.is_none()
        && !added.serial
        // A domain may bring a default of its own.
        && column.ty.class != TypeClass::Domain
}
