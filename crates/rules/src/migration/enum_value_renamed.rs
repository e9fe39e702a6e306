//! `RENAME VALUE` of an enum while an application that knows the old value is still running.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::{ObjectKind, ObjectRef};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{AlterEnum, Statement};

use super::around;

pub(super) static RULE: Rule = Rule {
    id: "enum-value-renamed",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &["strong_migrations:rename_enum_value", "squawk:renaming-object"],
    page: include_str!("enum_value_renamed.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, at, statement) in around::numbered(facts) {
        let Statement::AlterEnum { name, action: AlterEnum::RenameValue { from, to } } = &statement.statement
        else {
            continue;
        };
        let qualified = name.qualified();
        let object = ObjectRef::in_namespace(ObjectKind::Enum, &qualified.namespace, &qualified.name);
        if around::filled(around::before(file, at), &object) {
            continue;
        }
        findings.push(
            around::finding(
                facts,
                &RULE,
                file,
                statement,
                object,
                format!("renaming value \"{from}\" of \"{}\" to \"{to}\" breaks the application that still runs", qualified.display()),
            )
            .detail(format!(
                "The old version reads \"{to}\", which it does not know (Prisma Client refuses the row), and writes \
                 \"{from}\", which the server refuses (error 22P02, invalid_text_representation)."
            ))
            .hint(format!(
                "rename the value in the Prisma schema only and keep it in the database: @map(\"{from}\"); or add \
                 \"{to}\", teach every version to read both, and move the rows"
            )),
        );
    }
    findings
}
