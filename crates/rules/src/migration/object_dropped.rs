//! `DROP` of a view, function, trigger, type, sequence, schema or extension that the running application may use.

use pgsteward_model::catalog::QName;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::{History, MigrationFile, MigrationStatement};
use pgsteward_model::place::{ObjectKind, ObjectRef};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{AlterAction, Name, Statement};

use super::{around, column_recreated, shared};
use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "object-dropped",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[
        "squawk:ban-drop-view",
        "squawk:ban-drop-function",
        "squawk:ban-drop-type",
        "squawk:ban-drop-sequence",
        "squawk:ban-drop-domain",
        "squawk:ban-drop-schema",
        "squawk:ban-drop-extension",
        "squawk:ban-drop-trigger",
        "atlas:DS101",
    ],
    page: include_str!("object_dropped.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(history) = &facts.history else { return Vec::new() };
    let mut groups: Vec<Dropped> = Vec::new();
    for (file, at, statement) in around::numbered(facts) {
        let Statement::Drop { kind, names, .. } = &statement.statement else { continue };
        let Some((noun, severity, why)) = weight(*kind) else { continue };
        let (earlier, later) = (around::before(file, at), around::from(file, at));
        let is_type = matches!(kind, ObjectKind::Enum | ObjectKind::Domain | ObjectKind::CompositeType);
        let freed = |name: &Name| {
            let mut earlier = earlier.iter().enumerate();
            is_type && earlier.any(|(at, statement)| frees_type(facts, file, at, statement, &name.name))
        };
        let dropped: Vec<&ObjectRef> = statement
            .effect
            .dropped
            .iter()
            .filter(|object| names.iter().any(|name| is_named(object, name) && !freed(name)))
            .filter(|object| !came(earlier, object) && !again(later, object))
            .filter(|object| *kind != ObjectKind::Function || !is_trigger_function(history, object))
            .collect();
        let Some(first) = dropped.first() else { continue };
        // A file that clears up drops many of a kind: one finding lists them.
        let names: Vec<String> = dropped.iter().map(|object| object.display()).collect();
        let place = shared::place(facts, file, statement, (*first).clone());
        let of_kind = |group: &&mut Dropped| group.kind == *kind && group.file == file.name;
        match groups.iter_mut().find(of_kind) {
            Some(group) => {
                group.names.extend(names);
                group.finding.also.push(place);
            }
            None => {
                let finding = Finding::on_statement(&RULE, &file.name, &statement.fingerprint, place, "")
                    .severity(severity)
                    .detail(why)
                    .hint(format!("drop the {noun} in a later deploy, when no running version of the application uses it"));
                groups.push(Dropped { kind: *kind, file: file.name.clone(), noun, names, finding });
            }
        }
    }
    groups.into_iter().map(Dropped::finding).collect()
}

/// What one file drops of one kind.
struct Dropped {
    kind: ObjectKind,
    file: String,
    noun: &'static str,
    names: Vec<String>,
    finding: Finding,
}

impl Dropped {
    fn finding(self) -> Finding {
        let plural = if self.names.len() == 1 { "" } else { "s" };
        let message = format!(
            "dropping {}{plural} {} takes away what the application that still runs may use",
            self.noun,
            quoted_list(&self.names)
        );
        Finding { message, ..self.finding }
    }
}

/// The word for a kind, how much its loss weighs, and why.
fn weight(kind: ObjectKind) -> Option<(&'static str, Severity, &'static str)> {
    Some(match kind {
        ObjectKind::View => {
            ("view", Severity::Warning, "Queries on the view fail (error 42P01, undefined_table).")
        }
        ObjectKind::MaterializedView => (
            "materialized view",
            Severity::Warning,
            "Queries on the materialized view fail (error 42P01, undefined_table), and making it again reads all its tables.",
        ),
        ObjectKind::Function => {
            ("function", Severity::Warning, "Calls of the function fail (error 42883, undefined_function).")
        }
        ObjectKind::Trigger => (
            "trigger",
            Severity::Info,
            "What the trigger kept up to date or forbade is from here on the business of every writer, old versions included.",
        ),
        ObjectKind::Sequence => (
            "sequence",
            Severity::Info,
            "Calls of nextval() on the sequence fail (error 42P01, undefined_table).",
        ),
        ObjectKind::Enum | ObjectKind::Domain | ObjectKind::CompositeType => (
            "type",
            Severity::Info,
            "No column has the type, but queries that cast to it fail (error 42704, undefined_object).",
        ),
        ObjectKind::Schema => (
            "schema",
            Severity::Info,
            "Queries that name the schema fail (error 3F000, invalid_schema_name).",
        ),
        ObjectKind::Extension => (
            "extension",
            Severity::Info,
            "Its functions and operators are gone, also for queries that no column shows.",
        ),
        _ => return None,
    })
}

/// A type is dropped because columns of the type went or changed: that was said where it happened. Of a column that the
/// file makes again and whose values it keeps, nothing was said, so there the type's end is still to be told.
fn frees_type(
    facts: &Facts,
    file: &MigrationFile,
    at: usize,
    statement: &MigrationStatement,
    name: &str,
) -> bool {
    let of_type = |relation: &QName, column: Option<&str>| {
        let before = statement.effect.touch(relation).and_then(|touch| touch.before.as_deref());
        before.is_none_or(|table| {
            let mut columns =
                table.columns.iter().filter(|other| column.is_none_or(|column| column == other.name));
            columns.any(|column| column.ty.name == name)
        })
    };
    let goes = |object: &ObjectRef| {
        let Some(relation) = around::relation_of(object) else { return false };
        match object.kind {
            ObjectKind::Table => of_type(&relation, None),
            ObjectKind::Column => {
                let column = object.column.as_deref().unwrap_or_default();
                of_type(&relation, Some(column))
                    && !(around::made(around::from(file, at), object)
                        && column_recreated::is_kept(facts, file, at, &relation, column))
            }
            _ => false,
        }
    };
    let retypes = |relation: &QName, action: &AlterAction| match action {
        AlterAction::SetType { column, .. } => of_type(relation, Some(column)),
        _ => false,
    };
    statement.effect.dropped.iter().any(goes)
        || matches!(&statement.statement, Statement::AlterTable(alter)
            if shared::touch_of(statement, &alter.name)
                .is_some_and(|touch| alter.actions.iter().any(|action| retypes(&touch.relation, action))))
}

fn is_named(object: &ObjectRef, name: &Name) -> bool {
    let own = object.name.as_ref().or(object.relation.as_ref());
    own == Some(&name.name)
}

/// The same object whatever its arguments: an exchanged function keeps its name.
fn same(object: &ObjectRef, other: &ObjectRef) -> bool {
    ObjectRef { arguments: None, ..object.clone() } == ObjectRef { arguments: None, ..other.clone() }
}

fn came(earlier: &[MigrationStatement], object: &ObjectRef) -> bool {
    earlier.iter().any(|statement| {
        let effect = &statement.effect;
        effect.created.iter().any(|made| same(made, object))
            || effect.renamed.iter().any(|(_, to)| same(to, object))
    })
}

fn again(later: &[MigrationStatement], object: &ObjectRef) -> bool {
    came(later, object) || around::filled(later, object)
}

/// A function that only triggers can call is gone with them.
fn is_trigger_function(history: &History, object: &ObjectRef) -> bool {
    let statements = history.files.iter().flat_map(|file| &file.statements);
    statements
        .filter_map(|statement| match &statement.statement {
            Statement::CreateFunction { name, value, .. } if object.name.as_ref() == Some(&name.name) => {
                Some(value)
            }
            _ => None,
        })
        .any(|function| function.returns.eq_ignore_ascii_case("trigger"))
}
