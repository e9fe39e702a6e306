//! A type that gets another name while an application that knows the old name is still running.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::rule::{Group, Rule};

use super::around;

pub(super) static RULE: Rule = Rule {
    id: "type-renamed",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &["squawk:renaming-object"],
    page: include_str!("type_renamed.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, at, statement) in around::numbered(facts) {
        let (earlier, later) = (around::before(file, at), around::from(file, at));
        for (from, to) in &statement.effect.renamed {
            let is_type =
                matches!(from.kind, ObjectKind::Enum | ObjectKind::Domain | ObjectKind::CompositeType);
            // An exchange of the type: it was made here, its name is taken again, or it goes.
            let exchanged =
                around::filled(earlier, from) || around::filled(later, from) || around::drops(later, to);
            if !is_type || exchanged {
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
                    format!("renaming type \"{old}\" to \"{new}\" breaks the application that still runs"),
                )
                .detail(
                    "Prisma Client casts the values it sends to the name of their enum type: queries of the old version \
                     name the old type and fail (error 42704, undefined_object).",
                )
                .hint(format!("rename the enum in the Prisma schema only and keep the type: @@map(\"{old}\")")),
            );
        }
    }
    findings
}
