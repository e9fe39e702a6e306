//! A value that is added to an enum and used before the transaction commits.

use pgsteward_model::catalog::QName;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::{MigrationFile, MigrationStatement};
use pgsteward_model::place::{ObjectKind, ObjectRef};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{AlterEnum, Statement};

use super::text::{self, Kind};
use super::{around, shared};

pub(super) static RULE: Rule = Rule {
    id: "new-enum-value-used",
    group: Group::Migration,
    severity: Severity::Error,
    needs: &[Need::History],
    sharper_with: &[Need::Replay],
    since: "0.1.0",
    ancestors: &["squawk:require-enum-value-ordering", "postgres-language-server:avoidAlterEnumAddValue"],
    page: include_str!("new_enum_value_used.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(history) = &facts.history else { return Vec::new() };
    let version = facts.catalog().map_or(0, |catalog| catalog.version.major());
    let mut findings = Vec::new();
    for file in history.judged() {
        // A server that ran the file without an error knows better.
        let ran = history.replay.as_ref().is_some_and(|replay| !replay.failures.contains_key(&file.name));
        if ran {
            continue;
        }
        for transaction in shared::transactions(file) {
            for (at, statement) in transaction.iter().enumerate() {
                let Statement::AlterEnum { name, action: AlterEnum::AddValue { value, .. } } =
                    &statement.statement
                else {
                    continue;
                };
                let name = name.qualified();
                let object = ObjectRef::in_namespace(ObjectKind::Enum, &name.namespace, &name.name);
                // From 17 on, a value of a type that the transaction made itself may be used at once.
                let own = version >= 17 && around::filled(transaction.get(..at).unwrap_or(&[]), &object);
                let later = transaction.get(at + 1..).unwrap_or(&[]);
                let Some(user) =
                    later.iter().find(|later| uses(facts, file, later, &name, value)).filter(|_| !own)
                else {
                    continue;
                };
                let finding = around::finding(
                        facts,
                        &RULE,
                        file,
                        user,
                        object,
                        format!("value \"{value}\" of enum \"{}\" is used in the transaction that adds it, which PostgreSQL refuses", name.display()),
                    )
                    .detail(
                        "A new value of an enum may not be used before it is committed: the server answers with error 55P04 \
                         (unsafe_new_enum_value_usage), and the migration is recorded as failed.",
                    )
                    .hint("put ALTER TYPE … ADD VALUE into a migration of its own that runs before");
                findings.push(shared::answered(facts, file, user, "55P04", finding));
            }
        }
    }
    findings
}

/// The statement has the value as a literal, is of a kind that evaluates it, and has to do with the type: by its name,
/// or by a column of the table.
fn uses(
    facts: &Facts,
    file: &MigrationFile,
    statement: &MigrationStatement,
    name: &QName,
    value: &str,
) -> bool {
    let evaluates = matches!(
        statement.statement,
        Statement::AlterTable(_)
            | Statement::CreateTable(_)
            | Statement::CreateIndex(_)
            | Statement::Insert { .. }
            | Statement::Update { .. }
            | Statement::Delete { .. }
            | Statement::Select { .. }
    );
    let written = around::text(facts, file, statement);
    let literal = format!("'{}'", value.replace('\'', "''"));
    let mut columns = statement
        .effect
        .touches
        .iter()
        .filter_map(|touch| touch.before.as_ref())
        .flat_map(|table| &table.columns);
    let concerns = written.contains(&name.name) || columns.any(|column| column.ty.name == name.name);
    evaluates
        && concerns
        && text::tokens(written)
            .into_iter()
            .any(|token| token.kind == Kind::Literal && text::slice(written, token.span) == literal)
}
