//! `RENAME COLUMN` while an application that knows the old name is still running.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::AlterAction;

use super::{around, shared};
use crate::readers;

pub(super) static RULE: Rule = Rule {
    id: "column-renamed",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Code],
    since: "0.1.0",
    ancestors: &[
        "squawk:renaming-column",
        "strong_migrations:rename_column",
        "atlas:BC102",
        "pgfence:rename-column",
    ],
    page: include_str!("column_renamed.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for alteration in around::alterations(facts) {
        for action in &alteration.alter.actions {
            let AlterAction::RenameColumn { from, to } = action else { continue };
            let rest = around::from(alteration.file, alteration.at);
            // The column steps aside for a new one of its name, or goes with its table.
            let replaced =
                around::drops(rest, &alteration.column(to)) && around::filled(rest, &alteration.column(from));
            let dropped = around::drops(rest, &shared::table_object(&alteration.touch.relation));
            if !alteration.has_old_column(from) || replaced || dropped {
                continue;
            }
            let table = alteration.table();
            let finding = alteration
                .finding(
                    facts,
                    &RULE,
                    alteration.column(from),
                    format!("renaming \"{table}.{from}\" to \"{to}\" breaks the application that still runs"),
                )
                .detail(format!(
                    "Queries of the old version name \"{from}\", those of the new one \"{to}\": whichever of the two is \
                     deployed first, the other fails meanwhile (error 42703, undefined_column)."
                ))
                .hint(format!(
                    "rename the field in the Prisma schema only and keep the column: @map(\"{from}\"); or add \"{to}\", \
                     write both, fill the old rows, move the readers, and drop \"{from}\" in a later deploy"
                ));
            findings.push(match readers::of_columns(facts, &alteration.touch.relation, &[from]) {
                Some(readers) => readers.tell(finding, "The code still says the old name"),
                None => finding,
            });
        }
    }
    findings
}
