//! A table, view or schema that gets another name, or a table that moves to another schema, while an application that knows the old name is still running.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::MigrationStatement;
use pgsteward_model::place::{ObjectKind, ObjectRef};
use pgsteward_model::rule::{Group, Rule};

use super::around;

pub(super) static RULE: Rule = Rule {
    id: "table-renamed",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[
        "squawk:renaming-table",
        "squawk:renaming-object",
        "squawk:ban-set-schema",
        "strong_migrations:rename_table",
        "strong_migrations:rename_schema",
        "atlas:BC101",
        "pgfence:rename-table",
    ],
    page: include_str!("table_renamed.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, at, statement) in around::numbered(facts) {
        let (earlier, later) = (around::before(file, at), around::from(file, at));
        for (from, to) in &statement.effect.renamed {
            let Some((noun, hint)) = weight(from.kind) else { continue };
            let swapped =
                around::filled(earlier, from) || around::filled(later, from) || around::drops(later, to);
            if swapped || !was_in_use(statement, from) {
                continue;
            }
            let (old, new) = (from.display(), to.display());
            findings.push(
                around::finding(
                    facts,
                    &RULE,
                    file,
                    statement,
                    from.clone(),
                    format!("renaming {noun} \"{old}\" to \"{new}\" breaks the application that still runs"),
                )
                .detail(
                    "Queries of the old version use the old name, those of the new one the new: whichever of the two is \
                     deployed first, the other fails meanwhile (error 42P01, undefined_table).",
                )
                .hint(hint.replace("{old}", from.relation.as_deref().unwrap_or(&old))),
            );
        }
    }
    findings
}

fn weight(kind: ObjectKind) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        ObjectKind::Table => (
            "table",
            "rename the model in the Prisma schema only and keep the table: @@map(\"{old}\"); or create a view of the old \
             name over the new table in the same migration (a plain view takes writes too) and drop it in a later deploy",
        ),
        ObjectKind::View | ObjectKind::MaterializedView => {
            ("view", "create a view of the new name beside the old one, and drop \"{old}\" in a later deploy")
        }
        ObjectKind::Schema => (
            "schema",
            "keep the name; or move the application to the new name by its search_path, which can list both",
        ),
        _ => return None,
    })
}

fn was_in_use(statement: &MigrationStatement, from: &ObjectRef) -> bool {
    let Some(relation) = around::relation_of(from) else { return true };
    statement.effect.touch(&relation).is_none_or(around::in_use)
}
