//! What no rule rewrites, because the application has to move as well: a column whose type or name changes gets a
//! second column that a trigger keeps equal, is filled in batches, and takes the old one's place at the end.

use pgsteward_model::catalog::{ConstraintKind, Table};
use pgsteward_model::effect::{Age, Touch};
use pgsteward_model::facts::Facts;
use pgsteward_model::migration::{MigrationFile, MigrationStatement};
use pgsteward_model::statement::{AlterAction, Name, Statement};
use pgsteward_sql::quote_ident;

use super::exchange::Exchange;
use super::pieces::{Piece, apart, without_transaction};

/// The first piece that becomes several, and what it becomes.
pub(super) fn next(facts: &Facts, pieces: &[Piece], notes: &mut Vec<String>) -> Option<(usize, Vec<Piece>)> {
    let history = facts.history.as_ref()?;
    for (at, (piece, file)) in pieces.iter().zip(&history.files).enumerate() {
        if piece.settled {
            continue;
        }
        for statement in &file.statements {
            let Statement::AlterTable(alter) = &statement.statement else { continue };
            let Some(touch) = touch_of(statement, &alter.name) else { continue };
            let Some(action) = alter.actions.iter().find(|action| moves(action, touch)) else { continue };
            let Some(table) = touch.before.as_deref() else { continue };
            let column = match action {
                AlterAction::SetType { column, .. } => column,
                AlterAction::RenameColumn { from, .. } => from,
                _ => continue,
            };
            if let Some(reason) = obstacle(table, column) {
                let note = format!("{}.{column} is left as it is written: {reason}", table.name.display());
                if !notes.contains(&note) {
                    notes.push(note);
                }
                continue;
            }
            let text = piece.text.get(statement.span.start..statement.span.end)?;
            if let Some(default) = default_dropped(file, statement, &alter.name, column) {
                match between_defaults(piece, file, default, statement, table) {
                    Some(parts) => return Some((at, parts)),
                    None => {
                        let note = format!(
                            "{}.{column} is left as it is written: its default is taken away meanwhile, and what follows works \
                             on whole tables",
                            table.name.display()
                        );
                        if !notes.contains(&note) {
                            notes.push(note);
                        }
                        continue;
                    }
                }
            }
            if file.statements.len() > 1 {
                let Some(bare) = without_transaction(&piece.text) else { continue };
                if bare != piece.text {
                    return Some((at, vec![Piece { text: bare, ..piece.clone() }]));
                }
                return Some((at, apart(piece, statement.span)));
            }
            if alter.actions.len() > 1 {
                let Some((head, actions)) =
                    pgsteward_rules::migration::alter_parts(text, alter.actions.len())
                else {
                    continue;
                };
                let single = |action: &String| Piece { text: format!("{head} {action};\n"), ..piece.clone() };
                return Some((at, actions.iter().map(single).collect()));
            }
            return Some((at, Exchange::of(table, alter, action, text)?.pieces()));
        }
    }
    None
}

/// The statement before this one that takes the column's default away.
fn default_dropped(
    file: &MigrationFile,
    statement: &MigrationStatement,
    table: &Name,
    column: &str,
) -> Option<usize> {
    file.statements.iter().position(|other| match &other.statement {
        Statement::AlterTable(alter) => {
            let only = matches!(alter.actions.as_slice(), [AlterAction::DropDefault { column: name }] if name == column);
            only && alter.name.qualified() == table.qualified() && other.span.end <= statement.span.start
        }
        _ => false,
    })
}

/// An enum that is made anew, as Prisma writes it: the default goes, the type changes, types are renamed, the default
/// comes back. No folder may end without the default, so all that follows the change of type happens in the swap.
/// None where that would be more than a change of the catalog.
fn between_defaults(
    piece: &Piece,
    file: &MigrationFile,
    default: usize,
    statement: &MigrationStatement,
    table: &Table,
) -> Option<Vec<Piece>> {
    let Statement::AlterTable(alter) = &statement.statement else { return None };
    let [action] = alter.actions.as_slice() else { return None };
    let text = |one: &MigrationStatement| piece.text.get(one.span.start..one.span.end).map(str::to_owned);
    let transaction =
        |one: &MigrationStatement| matches!(one.statement, Statement::Begin | Statement::Commit);
    let quick = |one: &MigrationStatement| {
        let works = |touch: &Touch| touch.rewrite.is_some() || touch.scan.is_some() || touch.builds_index;
        !one.effect.unknown && !one.effect.needs_no_transaction && !one.effect.touches.iter().any(works)
    };
    let (mut head, mut tail) = (Vec::new(), Vec::new());
    for (at, one) in file.statements.iter().enumerate() {
        if at == default || transaction(one) || one.span == statement.span {
            continue;
        }
        if one.span.start < statement.span.start {
            head.push(format!("{};\n", text(one)?));
        } else if quick(one) {
            tail.push(text(one)?);
        } else {
            return None;
        }
    }
    let change = text(statement)?;
    let mut exchange = Exchange::of(table, alter, action, &change)?;
    exchange.then = tail;
    let head = (!head.is_empty()).then(|| Piece { text: head.join("\n"), ..piece.clone() });
    Some(head.into_iter().chain(exchange.pieces()).collect())
}

/// Whether the action makes the old and the new version of the application see different columns, or holds a lock
/// while it works.
fn moves(action: &AlterAction, touch: &Touch) -> bool {
    if !matches!(touch.age, Age::Earlier | Age::Unknown) {
        return false;
    }
    match action {
        AlterAction::SetType { .. } => touch.rewrite.is_some() || touch.scan.is_some() || touch.builds_index,
        AlterAction::RenameColumn { .. } => true,
        _ => false,
    }
}

pub(super) fn touch_of<'a>(statement: &'a MigrationStatement, name: &Name) -> Option<&'a Touch> {
    let touches = &statement.effect.touches;
    touches
        .iter()
        .find(|touch| touch.relation == name.qualified())
        .or_else(|| touches.iter().find(|touch| name.namespace.is_none() && touch.relation.name == name.name))
}

/// Why a second column cannot take the place of this one.
fn obstacle(table: &Table, column: &str) -> Option<String> {
    let known = table.column(column)?;
    if table.partitioning.is_some() || table.partition_of.is_some() || !table.inherits.is_empty() {
        return Some("the table is partitioned or inherits".into());
    }
    if known.generated.is_some() || known.identity.is_some() {
        return Some("the column is generated or an identity".into());
    }
    if known.default.as_deref().is_some_and(|default| default.contains("nextval")) {
        return Some("a sequence belongs to the column".into());
    }
    if !known.grants.is_empty() {
        return Some("it has privileges of its own".into());
    }
    for constraint in &table.constraints {
        let (what, columns): (&str, &[String]) = match &constraint.kind {
            ConstraintKind::PrimaryKey { columns } => ("primary key", columns),
            ConstraintKind::Unique { columns, .. } => ("unique constraint", columns),
            ConstraintKind::ForeignKey(key) => ("foreign key", &key.columns),
            ConstraintKind::Check { columns, .. } => ("check constraint", columns),
            ConstraintKind::Exclusion { .. } => ("exclusion constraint", &[]),
            ConstraintKind::NotNull { .. } => continue,
        };
        if columns.iter().any(|name| name == column) || what.starts_with("exclusion") {
            return Some(format!("the {what} \"{}\" stands on it", constraint.name));
        }
    }
    if let Some(trigger) = table.triggers.first() {
        return Some(format!("the trigger \"{}\" of the table may write it", trigger.name));
    }
    let quoted = quote_ident(column);
    let mentions = |text: &Option<String>| {
        text.as_deref().is_some_and(|text| text.contains(column) || text.contains(&quoted))
    };
    let odd = table
        .indexes
        .iter()
        .find(|index| mentions(&index.predicate) || index.keys.iter().any(|key| mentions(&key.expression)));
    if let Some(index) = odd {
        return Some(format!("an expression of the index \"{}\" names it", index.name));
    }
    (!table.policies.is_empty()).then(|| "policies of the table may name it".to_owned())
}
