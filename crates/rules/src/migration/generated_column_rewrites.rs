//! A new serial, identity or stored generated column: the table is written anew to fill it.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{AddColumn, AlterAction};

use super::shared::{self, Cost};

pub(super) static RULE: Rule = Rule {
    id: "generated-column-rewrites",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[
        "squawk:adding-field-with-default",
        "squawk:adding-serial-primary-key-field",
        "strong_migrations:add_column_auto_incrementing",
        "strong_migrations:add_column_generated_stored",
        "eugene:E11",
        "pgfence:add-column-serial",
        "pgfence:add-column-stored-generated",
    ],
    page: include_str!("generated_column_rewrites.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (hit, _, _, action) in shared::actions(facts) {
        let (column, what, hint) = match action {
            AlterAction::AddColumn { column: added, .. } => match kind(added) {
                Some((what, hint)) => (&added.column.name, what, hint),
                None => continue,
            },
            AlterAction::SetExpression { column, .. } => (
                column,
                "a generated column with a new expression",
                "add a new column beside it, fill it in batches, and let the application move over",
            ),
            _ => continue,
        };
        let table = hit.table();
        findings.push(
            hit.finding(
                &RULE,
                Cost::Work,
                hit.column(column),
                format!("\"{table}.{column}\" is {what}: all of \"{table}\" is written anew"),
                &format!(
                    "Each row gets a value of its own, so the table and its indexes are rewritten under {}.",
                    hit.touch.lock
                ),
            )
            .hint(hint),
        );
    }
    findings
}

fn kind(added: &AddColumn) -> Option<(&'static str, &'static str)> {
    if added.serial {
        return Some((
            "a serial column",
            "add a plain column, create the sequence and set its nextval as the default, then fill the old rows in batches",
        ));
    }
    if added.column.identity.is_some() {
        return Some((
            "an identity column",
            "add a plain column, fill the old rows in batches, make it NOT NULL, then ADD GENERATED … AS IDENTITY and set \
             its sequence",
        ));
    }
    added.column.generated.as_ref().filter(|generated| generated.stored).map(|_| {
        (
            "a stored generated column",
            "add a plain column that a trigger keeps, and fill the old rows in batches; or compute it in a view or an index",
        )
    })
}
