//! `CASCADE` that drops or empties what the statement does not name.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::{MigrationFile, MigrationStatement};
use pgsteward_model::place::{ObjectKind, ObjectRef};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{AlterAction, Name, Statement};

use super::{around, shared};
use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "cascade-reaches-further",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &["squawk:ban-truncate-cascade", "strong_migrations:create_table", "pgfence:truncate-cascade"],
    page: include_str!("cascade_reaches_further.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, at, statement) in around::numbered(facts) {
        let named: Vec<&Name> = match &statement.statement {
            Statement::Drop { names, cascade: true, .. } => names.iter().collect(),
            Statement::Truncate { tables, cascade: true } => {
                findings.extend(truncated(facts, file, statement, tables));
                continue;
            }
            Statement::AlterTable(alter) if alter.actions.iter().any(cascades) => Vec::new(),
            _ => continue,
        };
        let earlier = around::before(file, at);
        let further: Vec<&ObjectRef> = statement
            .effect
            .dropped
            .iter()
            .filter(|object| !is_named(object, &named, statement) && !around::made(earlier, object))
            .filter(|object| !belongs_to_named(object, &named, statement))
            .filter(|object| !goes_anyway(file, at, object))
            .collect();
        let Some(first) = further.first() else { continue };
        let list: Vec<String> = further.iter().map(|object| object.display()).collect();
        let loses_rows =
            further.iter().any(|object| matches!(object.kind, ObjectKind::Table | ObjectKind::Column));
        findings.push(
            around::finding(
                facts,
                &RULE,
                file,
                statement,
                (*first).clone(),
                format!("CASCADE drops {} as well, which the statement does not name", quoted_list(&list)),
            )
            .severity(if loses_rows { Severity::Error } else { Severity::Warning })
            .detail(
                "CASCADE drops whatever depends on the object, on each server what is there: a view or a foreign key that was \
                 made by hand goes without a word.",
            )
            .hint("drop what depends on it by name, then the object without CASCADE"),
        );
    }
    findings
}

/// A part of a table that a later statement of the file drops whole.
fn goes_anyway(file: &MigrationFile, at: usize, object: &ObjectRef) -> bool {
    object.kind != ObjectKind::Table
        && file.statements.iter().skip(at + 1).any(|later| {
            later.effect.dropped.iter().any(|gone| {
                gone.kind == ObjectKind::Table
                    && gone.namespace == object.namespace
                    && gone.relation == object.relation
            })
        })
}

fn cascades(action: &AlterAction) -> bool {
    matches!(
        action,
        AlterAction::DropColumn { cascade: true, .. } | AlterAction::DropConstraint { cascade: true, .. }
    )
}

fn is_named(object: &ObjectRef, names: &[&Name], statement: &MigrationStatement) -> bool {
    let own = object.column.as_ref().or(object.name.as_ref()).or(object.relation.as_ref());
    let by_action = match &statement.statement {
        Statement::AlterTable(alter) => alter.actions.iter().any(|action| match action {
            AlterAction::DropColumn { name, .. } | AlterAction::DropConstraint { name, .. } => {
                Some(name) == own
            }
            _ => false,
        }),
        _ => false,
    };
    by_action || names.iter().any(|name| Some(&name.name) == own)
}

/// A part of a table that is named, or an object in a schema that is: whoever drops the whole means the parts.
fn belongs_to_named(object: &ObjectRef, names: &[&Name], statement: &MigrationStatement) -> bool {
    let schema = matches!(&statement.statement, Statement::Drop { kind: ObjectKind::Schema, .. });
    let part = object.kind != ObjectKind::ForeignKey
        && (object.column.is_some() || object.name.is_some())
        && names.iter().any(|name| object.relation.as_ref() == Some(&name.name));
    // The rows in a schema are not what its name says.
    part || (schema
        && object.kind != ObjectKind::Table
        && names.iter().any(|name| object.namespace.as_ref() == Some(&name.name)))
}

fn truncated(
    facts: &Facts,
    file: &MigrationFile,
    statement: &MigrationStatement,
    named: &[Name],
) -> Option<Finding> {
    let further: Vec<_> = statement
        .effect
        .touches
        .iter()
        .filter(|touch| !named.iter().any(|name| name.name == touch.relation.name))
        .filter(|touch| touch.before.as_ref().is_none_or(|table| table.partition_of.is_none()))
        .filter(|touch| shared::populated(facts, touch))
        .collect();
    let first = further.first()?;
    let tables: Vec<String> = further.iter().map(|touch| touch.relation.display()).collect();
    let finding = around::finding(
        facts,
        &RULE,
        file,
        statement,
        shared::table_object(&first.relation),
        format!("CASCADE empties {} as well, which the statement does not name", quoted_list(&tables)),
    )
    .severity(Severity::Error)
    .detail("TRUNCATE … CASCADE goes on to every table with a foreign key to one that is emptied, whatever ON DELETE says.")
    .hint("name every table that shall be empty, and leave CASCADE out: the server then says what is missing");
    Some(around::with_rows(facts, &first.relation, finding))
}
