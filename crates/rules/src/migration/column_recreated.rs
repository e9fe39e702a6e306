//! A column that is dropped and added again in one file: its values are lost.

use pgsteward_model::catalog::QName;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::MigrationFile;
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::AlterAction;

use super::around::{self, Alteration};
use super::shared;

pub(super) static RULE: Rule = Rule {
    id: "column-recreated",
    group: Group::Migration,
    severity: Severity::Error,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &["prisma:NotCastable", "prisma:ChangedScalarToList"],
    page: include_str!("column_recreated.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for alteration in around::alterations(facts).filter(|found| shared::populated(facts, found.touch)) {
        for action in &alteration.alter.actions {
            let AlterAction::DropColumn { name, .. } = action else { continue };
            let relation = &alteration.touch.relation;
            if !is_recreated(&alteration, name)
                || is_kept(facts, alteration.file, alteration.at, relation, name)
            {
                continue;
            }
            let table = alteration.table();
            let was = alteration.before().and_then(|table| table.column(name)).map(|column| &column.ty);
            let types = match (was, added_type(&alteration, name)) {
                (Some(was), Some(now)) if was.to_string() != now => {
                    format!(" to change its type from {was} to {now}")
                }
                _ => String::new(),
            };
            let finding = alteration
                .finding(
                    facts,
                    &RULE,
                    alteration.column(name),
                    format!("\"{table}.{name}\" is dropped and added again{types}, and all its values are lost"),
                )
                .detail(
                    "The new column has the name of the old one and nothing of its data: every row holds NULL or the \
                     default. Prisma writes this where it knows no cast between the types.",
                )
                .hint(format!(
                    "write ALTER COLUMN \"{name}\" TYPE … USING with an expression that converts the values, or add a \
                     column of another name, fill it, and drop the old one in a later deploy"
                ));
            findings.push(around::with_rows(facts, &alteration.touch.relation, finding));
        }
    }
    findings
}

/// A column that was there before the file, which drops it and adds one of the same name.
pub(super) fn is_recreated(alteration: &Alteration<'_>, column: &str) -> bool {
    alteration.has_old_column(column)
        && around::made(around::from(alteration.file, alteration.at), &alteration.column(column))
}

/// The file fills the new column, or had moved the values of the old one, or emptied the table.
pub(super) fn is_kept(
    facts: &Facts,
    file: &MigrationFile,
    at: usize,
    relation: &QName,
    column: &str,
) -> bool {
    around::updates(around::from(file, at), relation, column)
        || around::copied(facts, file, at, &[&relation.name, column])
        || around::emptied(file, at, relation)
}

fn added_type(alteration: &Alteration<'_>, column: &str) -> Option<String> {
    let rest = around::from(alteration.file, alteration.at);
    around::actions_on(rest, &alteration.touch.relation).find_map(|action| match action {
        AlterAction::AddColumn { column: added, .. } if added.column.name == column => {
            Some(added.column.ty.to_string())
        }
        _ => None,
    })
}
