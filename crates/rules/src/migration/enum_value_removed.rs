//! An enum type that is exchanged for one with fewer values.

use std::collections::BTreeMap;

use pgsteward_model::catalog::QName;
use pgsteward_model::effect::Touch;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::{MigrationFile, MigrationStatement};
use pgsteward_model::place::{ObjectKind, ObjectRef};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{AlterAction, AlterEnum, Statement};

use super::shared::{Cost, Hit};
use super::{around, shared};
use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "enum-value-removed",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &["prisma:EnumValueRemoved", "squawk:ban-drop-type", "squawk:changing-column-type"],
    page: include_str!("enum_value_removed.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    exchanges(facts).iter().filter_map(|exchange| report(facts, exchange)).collect()
}

/// A type that gives way to one with fewer values.
pub(super) struct Exchange<'a> {
    file: &'a MigrationFile,
    name: QName,
    removed: Vec<String>,
    /// In the order they run.
    conversions: Vec<Conversion<'a>>,
}

/// A column in use that gets the new type.
struct Conversion<'a> {
    statement: &'a MigrationStatement,
    touch: &'a Touch,
    column: &'a str,
    /// The rows were moved to other values, or the conversion does it.
    mapped: bool,
}

impl Exchange<'_> {
    /// The change of this column's type is part of the exchange.
    pub(super) fn converts(
        &self,
        file: &MigrationFile,
        statement: &MigrationStatement,
        column: &str,
    ) -> bool {
        let own = |conversion: &Conversion<'_>| {
            conversion.statement.span == statement.span && conversion.column == column
        };
        self.file.path == file.path && self.conversions.iter().any(own)
    }
}

/// Every exchange of the judged files.
pub(super) fn exchanges(facts: &Facts) -> Vec<Exchange<'_>> {
    let mut found = Vec::new();
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
                    let removed: Vec<String> =
                        old.iter().filter(|value| !values.contains(value)).cloned().collect();
                    if !removed.is_empty() {
                        let conversions = conversions(facts, file, at, &from);
                        found.push(Exchange { file, name: to.clone(), removed, conversions });
                    }
                }
                left.entry(from).or_insert_with(|| values.clone());
                enums.insert(to, values);
            }
            follow(&mut enums, statement);
        }
    }
    found
}

fn conversions<'a>(
    facts: &'a Facts,
    file: &'a MigrationFile,
    end: usize,
    new_type: &QName,
) -> Vec<Conversion<'a>> {
    let earlier = around::before(file, end);
    let mut found = Vec::new();
    for statement in earlier {
        let Statement::AlterTable(alter) = &statement.statement else { continue };
        let touch = shared::touch_of(statement, &alter.name);
        let Some(touch) = touch.filter(|touch| shared::populated(facts, touch)) else { continue };
        for action in &alter.actions {
            let AlterAction::SetType { column, ty, using } = action else { continue };
            if ty.name == new_type.name {
                let mapped = using.as_ref().is_some_and(|using| using.to_ascii_uppercase().contains("CASE"))
                    || around::updates(earlier, &touch.relation, column);
                found.push(Conversion { statement, touch, column, mapped });
            }
        }
    }
    found
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
fn report(facts: &Facts, exchange: &Exchange<'_>) -> Option<Finding> {
    let (first, others) = exchange.conversions.split_first()?;
    let hit = Hit::new(facts, exchange.file, first.statement, first.touch)?;
    let tables = |of: &dyn Fn(&Conversion<'_>) -> bool| {
        let mut names: Vec<String> = Vec::new();
        for conversion in exchange.conversions.iter().filter(|conversion| of(conversion)) {
            let name = conversion.touch.relation.display();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    };
    let (all, at_risk) = (tables(&|_| true), tables(&|conversion| !conversion.mapped));
    let one = exchange.removed.len() == 1;
    let (consequence, rows) = if at_risk.is_empty() {
        (
            format!("writes {} anew", quoted_list(&all)),
            "The file moves the rows to other values first.".to_owned(),
        )
    } else {
        let at_risk = quoted_list(&at_risk);
        (
            format!("fails if a row of {at_risk} holds {}", if one { "it" } else { "one of them" }),
            format!(
                "If a row of {at_risk} still holds {}, the conversion fails (error 22P02, invalid_text_representation) and \
                 the deploy stops.",
                if one { "it" } else { "one of them" }
            ),
        )
    };
    let list = quoted_list(&exchange.removed);
    let mut finding = hit
        .finding(
            &RULE,
            Cost::Work,
            ObjectRef::in_namespace(ObjectKind::Enum, &exchange.name.namespace, &exchange.name.name),
            format!(
                "removing {} {list} from enum \"{}\" {consequence}",
                if one { "value" } else { "values" },
                exchange.name.display()
            ),
            &format!(
                "PostgreSQL cannot remove a value, so the type is exchanged, and {} written anew with {} indexes while \
                 nobody can read or write. {rows} The application that still runs can no longer write {list}.",
                if all.len() == 1 { format!("{} is", quoted_list(&all)) } else { format!("{} are", quoted_list(&all)) },
                if all.len() == 1 { "its" } else { "their" },
            ),
        )
        .hint(
            "move the rows to other values in batches, deploy an application that no longer writes the value, and consider \
             leaving the value in the type: it costs nothing",
        );
    if !at_risk.is_empty() {
        finding.severity = finding.severity.max(Severity::Warning);
    }
    for other in others {
        let severity = shared::severity(facts, other.touch, Cost::Work);
        finding.severity = finding.severity.max(severity);
        if other.touch.relation != first.touch.relation {
            finding.evidence.push(shared::lock_evidence(other.touch));
        }
        if other.statement.span != first.statement.span {
            let object = around::column_object(&other.touch.relation, other.column);
            finding.also.push(shared::place(facts, exchange.file, other.statement, object));
        }
    }
    for conversion in &exchange.conversions {
        finding = shared::answered(facts, exchange.file, conversion.statement, "22P02", finding);
    }
    Some(finding)
}
