//! Why a second column cannot take the place of a column, but for what reads it (see `readers`).

use pgsteward_model::catalog::{
    Catalog, Column, Constraint, ConstraintKind, ForeignKey, ReferentialAction, Table, TableKind,
};
use pgsteward_model::facts::Facts;
use pgsteward_model::migration::MigrationStatement;
use pgsteward_model::statement::{AlterAction, Statement};
use pgsteward_sql::quote_ident;

use super::change::Place;
use super::exchange::Ways;
use super::expand::touch_of;
use super::pieces::note;
use super::{family, readers, relation};

/// Types of PostgreSQL without an operator `=`.
pub(super) const INCOMPARABLE: [&str; 4] = ["json", "xml", "point", "polygon"];

/// What is to be done about generated values. `DROP EXPRESSION` came with PostgreSQL 13, and changes the catalog only.
const GENERATED: &str = "and no server makes generated values anew but under a lock that stops all: make the generated column a plain \
                         one before (ALTER COLUMN … DROP EXPRESSION), which a BEFORE trigger writes from then on, in a migration of \
                         its own";

/// Why no second column can follow it; None where nothing stands in the way.
pub(super) fn beside(catalog: &Catalog, table: &Table, column: &str, ways: Ways) -> Option<String> {
    if let Some(reason) = inherited(catalog, table, column, ways) {
        return Some(reason);
    }
    let known = table.column(column).filter(|_| ways == Ways::Apart).map(|column| &column.ty);
    if let Some(ty) = known.filter(|ty| ty.namespace.is_none() && INCOMPARABLE.contains(&ty.name.as_str())) {
        return Some(format!(
            "no server compares values of the type {}, so nothing tells which of two columns was written",
            ty.name
        ));
    }
    if table.force_row_security {
        return Some(
            "row security holds for the table's owner too, from whom it may hide rows to fill".into(),
        );
    }
    trigger(table, column, ways)
}

/// The same, and why the second cannot take its place. `bound` says that expressions over the column hold for its present
/// type only.
pub(super) fn obstacle(
    catalog: &Catalog,
    table: &Table,
    column: &str,
    ways: Ways,
    bound: bool,
) -> Option<String> {
    let known = table.column(column)?;
    if let Some(reason) = beside(catalog, table, column, ways) {
        return Some(reason);
    }
    if known.generated.is_some() {
        return Some(format!("it is generated, {GENERATED}"));
    }
    let made = |other: &&Column| {
        other.generated.as_ref().is_some_and(|generated| names(&generated.expression, column))
    };
    if let Some(other) = table.columns.iter().find(made) {
        return Some(format!("the generated column \"{}\" is made of it, {GENERATED}", other.name));
    }
    if table.partitioning.is_some()
        && let Some(reason) = family::obstacle(catalog, table, column)
    {
        return Some(reason);
    }
    constraint(catalog, table, column, bound).or_else(|| expression(table, column, bound))
}

/// The columns of a parent and its children are one to PostgreSQL, which the steps of an exchange change one by one.
fn inherited(catalog: &Catalog, table: &Table, column: &str, ways: Ways) -> Option<String> {
    if let Some(partitioning) = &table.partitioning {
        let key = readers::speaks(&partitioning.key, column);
        return match key {
            true => Some(format!("the table is partitioned by it ({})", partitioning.key)),
            false => partitioned(catalog, table, column, ways),
        };
    }
    if let Some(parent) = table.partition_of.as_ref().map(|of| &of.parent).or(table.inherits.first()) {
        return Some(format!("the table has it from \"{}\"", parent.display()));
    }
    let child = catalog.tables.values().find(|other| other.inherits.contains(&table.name))?;
    Some(format!("\"{}\" inherits it", child.name.display()))
}

/// A partitioned table has its column, trigger and checks on all partitions at once. Whatever only one of them has would
/// be lost.
fn partitioned(catalog: &Catalog, root: &Table, column: &str, ways: Ways) -> Option<String> {
    if catalog.version.major() < 13 {
        return Some(
            "before PostgreSQL 13 a partitioned table has no trigger that could keep two columns equal"
                .into(),
        );
    }
    let known = root.column(column)?;
    family::partitions(catalog, root).into_iter().find_map(|table| {
        let name = table.name.display();
        let own = table.column(column)?;
        let checks = |other: &&Constraint| {
            matches!(&other.kind, ConstraintKind::Check { expression, .. } if names(expression, column))
                && root.constraint(&other.name).is_none()
        };
        if let Some(check) = table.constraints.iter().find(checks) {
            return Some(format!(
                "the check constraint \"{}\" of its partition \"{name}\" stands on it",
                check.name
            ));
        }
        if table.kind == TableKind::Foreign {
            return Some(format!("the rows of its partition \"{name}\" are on another server"));
        }
        if (&own.default, &own.comment, own.not_null) != (&known.default, &known.comment, known.not_null)
            || !own.grants.is_empty()
        {
            return Some(format!(
                "its partition \"{name}\" has it with another default, comment, NOT NULL or privilege"
            ));
        }
        if table.force_row_security {
            return Some(format!("row security holds for the owner of its partition \"{name}\" too"));
        }
        trigger(table, column, ways).or_else(|| readers::reader(catalog, table, column))
    })
}

fn constraint(catalog: &Catalog, table: &Table, column: &str, bound: bool) -> Option<String> {
    for constraint in &table.constraints {
        match &constraint.kind {
            ConstraintKind::Exclusion { definition } if names(definition, column) => {
                return Some(format!(
                    "the exclusion constraint \"{}\" stands on it, and no server builds one while others write: in a quiet hour \
                     drop it, change the column and add it again",
                    constraint.name
                ));
            }
            ConstraintKind::Check { expression, .. } if bound && names(expression, column) => {
                return Some(format!("the check constraint \"{}\" stands on it", constraint.name));
            }
            _ => {}
        }
    }
    let holds = |columns: &[String]| columns.iter().any(|name| name == column);
    catalog.tables.values().find_map(|other| {
        other.foreign_keys().find_map(|(constraint, key)| {
            let here = other.name == table.name && holds(&key.columns);
            let there = key.references == table.name && holds(&key.referenced_columns);
            if there && (other.partitioning.is_some() || other.partition_of.is_some()) {
                let to = |key: &ForeignKey| key.references == table.name && holds(&key.referenced_columns);
                if let Some(reason) = family::obstacle_of_key(catalog, other, &to) {
                    return Some(reason);
                }
            }
            let defaults = [key.on_delete, key.on_update].contains(&ReferentialAction::SetDefault);
            (here && defaults)
                .then(|| format!("the foreign key \"{}\" sets it to its default", constraint.name))
        })
    })
}

/// Triggers that run before ours see the first column and may write it: ours comes last and follows.
fn trigger(table: &Table, column: &str, ways: Ways) -> Option<String> {
    let trigger = table.triggers.iter().find(|trigger| match ways {
        Ways::Apart => true,
        Ways::Forth | Ways::Back => names(&trigger.definition, column),
    })?;
    Some(format!("the trigger \"{}\" of the table may write it", trigger.name))
}

fn expression(table: &Table, column: &str, bound: bool) -> Option<String> {
    let mentions = |text: &Option<String>| text.as_deref().is_some_and(|text| names(text, column));
    let index = table.indexes.iter().find(|index| {
        bound && (mentions(&index.predicate) || index.keys.iter().any(|key| mentions(&key.expression)))
    })?;
    Some(format!("an expression of the index \"{}\" names it", index.name))
}

/// Whether a text may speak of the column. Rather once too often.
fn names(text: &str, column: &str) -> bool {
    text.contains(column) || text.contains(&quote_ident(column))
}

/// Whether the migration changes the type of the column no more than once: a second column has one type.
pub(super) fn once(facts: &Facts, (table, column): &Place, notes: &mut Vec<String>) -> bool {
    let files = facts.history.as_ref().map_or(&[][..], |history| &history.files);
    let changes = files.iter().flat_map(|file| &file.statements).filter(|one| match &one.statement {
        Statement::AlterTable(alter) => {
            let own = |action: &AlterAction| matches!(action, AlterAction::SetType { column: own, .. } if own == column);
            touch_of(one, &alter.name).is_some_and(|touch| touch.relation == *table)
                && alter.actions.iter().any(own)
        }
        _ => false,
    });
    let once = changes.count() < 2;
    if !once {
        let why = "its type changes more than once; write one change, USING what makes the last of the first";
        note(notes, format!("{}.{column} is left as it is written: {why}", table.display()));
    }
    once
}

/// Whether the table has the name that the migration found it under: a view has the old one, and holds its columns.
pub(super) fn own_name(
    facts: &Facts,
    at: (usize, &MigrationStatement),
    (table, column): &Place,
    notes: &mut Vec<String>,
) -> bool {
    let renamed = relation::renamed(facts, at, table).is_some();
    if renamed {
        let why = "its table gets another name in the same migration; change the type in one before it";
        note(notes, format!("{}.{column} is left as it is written: {why}", table.display()));
    }
    !renamed
}
