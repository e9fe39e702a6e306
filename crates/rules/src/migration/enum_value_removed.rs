//! An enum type that is exchanged for one with fewer values.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use std::collections::BTreeMap;

use pgsteward_model::catalog::{ConstraintKind, QName};
use pgsteward_model::migration::{MigrationFile, MigrationStatement};
use pgsteward_model::place::{ObjectKind, ObjectRef};
use pgsteward_model::statement::{AlterAction, AlterEnum, Statement};

use super::{around, shared};
use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "enum-value-removed",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &["prisma:EnumValueRemoved", "squawk:ban-drop-type"],
    page: include_str!("enum_value_removed.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut enums: BTreeMap<QName, Vec<String>> = BTreeMap::new();
    for file in facts.history.iter().flat_map(|history| &history.files) {
        // What a name meant before this file took it away.
        let mut left: BTreeMap<QName, Vec<String>> = BTreeMap::new();
        for (at, statement) in file.statements.iter().enumerate() {
            for object in statement.effect.dropped.iter().filter(|object| object.kind == ObjectKind::Enum) {
                if let Some((name, values)) = name_of(object).and_then(|name| enums.remove_entry(&name)) {
                    left.entry(name).or_insert(values);
                }
            }
            for (from, to) in &statement.effect.renamed {
                let (Some(from), Some(to)) = (name_of(from), name_of(to)) else { continue };
                let Some(values) = enums.remove(&from) else { continue };
                if let Some(old) = left.get(&to).filter(|_| file.judged) {
                    let removed: Vec<&String> = old.iter().filter(|value| !values.contains(value)).collect();
                    findings.extend(removed_values(facts, file, at, &from, &to, &removed));
                }
                left.entry(from).or_insert_with(|| values.clone());
                enums.insert(to, values);
            }
            follow(&mut enums, statement);
        }
    }
    findings
}

fn name_of(object: &ObjectRef) -> Option<QName> {
    (object.kind == ObjectKind::Enum)
        .then(|| QName::new(object.namespace.clone()?, object.name.clone()?).into())?
}

/// Keeps the values of every enum as statements change them.
fn follow(enums: &mut BTreeMap<QName, Vec<String>>, statement: &MigrationStatement) {
    match &statement.statement {
        Statement::CreateEnum { value, .. } => {
            for name in statement.effect.created.iter().filter_map(name_of) {
                enums.insert(name, value.values.clone());
            }
        }
        Statement::AlterEnum { name, action } => {
            let Some(values) = enums.get_mut(&name.qualified()) else { return };
            match action {
                AlterEnum::AddValue { value, .. } if !values.contains(value) => values.push(value.clone()),
                AlterEnum::RenameValue { from, to } => {
                    values.iter_mut().filter(|value| *value == from).for_each(|value| value.clone_from(to));
                }
                _ => {}
            }
        }
        _ => {}
    }
}

/// One finding for the whole exchange, at the first statement that gives a column in use the new type.
fn removed_values(
    facts: &Facts,
    file: &MigrationFile,
    end: usize,
    new_type: &QName,
    name: &QName,
    removed: &[&String],
) -> Option<Finding> {
    if removed.is_empty() {
        return None;
    }
    let (statement, column, using, touch) = around::before(file, end).iter().find_map(|statement| {
        let Statement::AlterTable(alter) = &statement.statement else { return None };
        let touch =
            shared::touch_of(statement, &alter.name).filter(|touch| shared::populated(facts, touch))?;
        alter.actions.iter().find_map(|action| match action {
            AlterAction::SetType { column, ty, using } if ty.name == new_type.name => {
                Some((statement, column, using, touch))
            }
            _ => None,
        })
    })?;
    let relation = &touch.relation;
    // Rows were moved to other values, or the conversion does it: then only the old version is hurt.
    let mapped = using.as_ref().is_some_and(|using| using.to_ascii_uppercase().contains("CASE"))
        || around::updates(around::before(file, end), relation, column);
    let table = relation.display();
    let list = quoted_list(removed);
    let (severity, consequence, rows) = if mapped {
        (
            Severity::Info,
            format!("writes \"{table}\" anew"),
            "The file moves the rows to other values first.".to_owned(),
        )
    } else {
        (
            Severity::Warning,
            format!("fails if a row of \"{table}\" holds it"),
            format!(
                "If a row of \"{table}\" still holds {}, the conversion fails (error 22P02, invalid_text_representation) and \
                 the deploy stops.",
                if removed.len() == 1 { "it" } else { "one of them" }
            ),
        )
    };
    let values = if removed.len() == 1 { "value" } else { "values" };
    let rewritten = match touch.before.as_deref() {
        Some(before)
            if before.constraints.iter().any(|key| matches!(key.kind, ConstraintKind::PrimaryKey { .. })) =>
        {
            "written anew with its indexes"
        }
        _ => "written anew",
    };
    let finding = around::finding(
        facts,
        &RULE,
        file,
        statement,
        ObjectRef::in_namespace(ObjectKind::Enum, &name.namespace, &name.name),
        format!("removing {values} {list} from enum \"{}\" {consequence}", name.display()),
    )
    .severity(severity)
    .detail(format!(
        "PostgreSQL cannot remove a value, so the type is exchanged and \"{table}\" is {rewritten} while nobody can read or \
         write it. {rows} The application that still runs can no longer write {list}."
    ))
    .hint(
        "move the rows to other values in batches, deploy an application that no longer writes the value, and consider \
         leaving the value in the type: it costs nothing",
    );
    Some(around::with_rows(facts, relation, finding))
}
