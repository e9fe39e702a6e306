//! SQL that takes back what a rewritten `ALTER TABLE` did, for the rollback of its fix.

use pgsteward_model::catalog::{Constraint, ConstraintKind, Table};
use pgsteward_model::change::Step;
use pgsteward_model::statement::{AlterAction, AlterTable};
use pgsteward_sql::{quote_ident, quote_name};

use super::shared::Hit;

/// The steps, or the reason why there are none, in words for users.
pub(super) type Undo = Result<Vec<Step>, String>;

/// Nothing of what the statement does lasts in the catalog.
pub(super) fn nothing() -> Undo {
    Ok(Vec::new())
}

/// The actions taken back, the last one first.
pub(super) fn of_alter(hit: Hit<'_>, alter: &AlterTable) -> Undo {
    let table = quote_name(&hit.touch.relation);
    let mut steps = Vec::new();
    for action in alter.actions.iter().rev() {
        for back in reverse(action, hit.before())? {
            steps.push(Step::sql(format!("ALTER TABLE {table} {back}")));
        }
    }
    Ok(steps)
}

fn reverse(action: &AlterAction, before: Option<&Table>) -> Result<Vec<String>, String> {
    let unknown = || "the table as it was before is not known".to_owned();
    let column = |name: &str| before.and_then(|table| table.column(name)).ok_or_else(unknown);
    Ok(match action {
        AlterAction::AddColumn { column, .. } => {
            vec![format!("DROP COLUMN IF EXISTS {}", quote_ident(&column.column.name))]
        }
        AlterAction::AddConstraint { constraint, .. } => {
            vec![format!("DROP CONSTRAINT IF EXISTS {}", quote_ident(&constraint.name))]
        }
        AlterAction::SetNotNull { column: name } if !column(name)?.not_null => {
            vec![format!("ALTER COLUMN {} DROP NOT NULL", quote_ident(name))]
        }
        AlterAction::SetNotNull { .. } => Vec::new(),
        AlterAction::SetDefault { column: name, .. } | AlterAction::DropDefault { column: name } => {
            let name_sql = quote_ident(name);
            match &column(name)?.default {
                Some(default) => vec![format!("ALTER COLUMN {name_sql} SET DEFAULT {default}")],
                None => vec![format!("ALTER COLUMN {name_sql} DROP DEFAULT")],
            }
        }
        AlterAction::DropConstraint { name, .. } => {
            let constraint = before.ok_or_else(unknown)?.constraint(name).ok_or_else(unknown)?;
            vec![add_key(constraint).ok_or_else(|| format!("the statement also drops \"{name}\""))?]
        }
        AlterAction::RenameColumn { from, to } => {
            vec![format!("RENAME COLUMN {} TO {}", quote_ident(to), quote_ident(from))]
        }
        AlterAction::RenameConstraint { from, to } => {
            vec![format!("RENAME CONSTRAINT {} TO {}", quote_ident(to), quote_ident(from))]
        }
        AlterAction::DropColumn { name, .. } => {
            return Err(format!("the statement also drops column \"{name}\", and its values with it"));
        }
        _ => return Err("the statement also does something that has no plain reverse".to_owned()),
    })
}

/// `ADD CONSTRAINT` of a primary key or unique constraint.
fn add_key(constraint: &Constraint) -> Option<String> {
    let (keyword, columns) = match &constraint.kind {
        ConstraintKind::PrimaryKey { columns } => ("PRIMARY KEY", columns),
        ConstraintKind::Unique { columns, nulls_not_distinct: false } => ("UNIQUE", columns),
        _ => return None,
    };
    if constraint.deferrable {
        return None;
    }
    let list = columns.iter().map(|column| quote_ident(column)).collect::<Vec<_>>().join(", ");
    Some(format!("ADD CONSTRAINT {} {keyword} ({list})", quote_ident(&constraint.name)))
}
