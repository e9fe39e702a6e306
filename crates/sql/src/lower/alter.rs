//! The actions of `ALTER TABLE`.

use pgsteward_model::catalog::Identity;
use pgsteward_model::statement::{AlterAction, AlterTable, Name, Statement};

use super::{constraint, table};
use crate::cursor::Cursor;
use crate::types;

/// Reads `ALTER TABLE` from the word behind `TABLE` on.
pub(super) fn alter(cursor: &mut Cursor<'_>) -> Option<Statement> {
    if cursor.sees(&["all", "in", "tablespace"]) {
        return None;
    }
    let if_exists = cursor.if_exists();
    let only = cursor.eat(&["only"]);
    let name = if cursor.sees_symbol(b'(') { cursor.group().name()? } else { cursor.name()? };
    cursor.eat_symbol(b'*');
    let actions = cursor
        .items()
        .into_iter()
        .map(|item| {
            action(item, &name).unwrap_or_else(|| AlterAction::Other { text: item.rest().to_owned() })
        })
        .collect();
    Some(Statement::AlterTable(AlterTable { name, if_exists, only, actions }))
}

fn action(mut cursor: Cursor<'_>, table: &Name) -> Option<AlterAction> {
    let cursor = &mut cursor;
    let first = cursor.text(0).to_ascii_lowercase();
    cursor.advance();
    Some(match first.as_str() {
        "add" => return add(cursor, table),
        "drop" => return drop(cursor),
        "alter" => return alter_part(cursor),
        "rename" => {
            if cursor.eat(&["to"]) {
                AlterAction::RenameTable { to: cursor.ident()? }
            } else if cursor.eat(&["constraint"]) {
                let (from, to) = from_to(cursor)?;
                AlterAction::RenameConstraint { from, to }
            } else {
                cursor.eat(&["column"]);
                let (from, to) = from_to(cursor)?;
                AlterAction::RenameColumn { from, to }
            }
        }
        "validate" if cursor.eat(&["constraint"]) => {
            AlterAction::ValidateConstraint { name: cursor.ident()? }
        }
        "set" => return set(cursor),
        "reset" => AlterAction::ResetOptions { options: constraint::options(cursor) },
        "attach" if cursor.eat(&["partition"]) => {
            AlterAction::AttachPartition { child: cursor.name()?, bound: cursor.rest().to_owned() }
        }
        "detach" if cursor.eat(&["partition"]) => {
            let child = cursor.name()?;
            if cursor.sees(&["finalize"]) {
                return None;
            }
            AlterAction::DetachPartition { child, concurrently: cursor.eat(&["concurrently"]) }
        }
        "enable" if cursor.eat(&["row", "level", "security"]) => AlterAction::EnableRowSecurity,
        "disable" if cursor.eat(&["row", "level", "security"]) => AlterAction::DisableRowSecurity,
        "force" => AlterAction::ForceRowSecurity,
        "no" if cursor.eat(&["force"]) => AlterAction::NoForceRowSecurity,
        "no" if cursor.eat(&["inherit"]) => AlterAction::NoInherit { parent: cursor.name()? },
        "enable" | "disable" => {
            cursor.eat(&["always"]);
            cursor.eat(&["replica"]);
            if !cursor.eat(&["trigger"]) {
                return None;
            }
            let all = cursor.sees_any(&["all", "user"]);
            let name = if all { None } else { cursor.ident() };
            if first == "enable" {
                AlterAction::EnableTrigger { name }
            } else {
                AlterAction::DisableTrigger { name }
            }
        }
        "inherit" => AlterAction::Inherit { parent: cursor.name()? },
        "owner" if cursor.eat(&["to"]) => AlterAction::OwnerTo { role: cursor.ident()? },
        "cluster" if cursor.eat(&["on"]) => AlterAction::ClusterOn { index: cursor.ident()? },
        "replica" => AlterAction::ReplicaIdentity,
        _ => return None,
    })
}

fn from_to(cursor: &mut Cursor<'_>) -> Option<(String, String)> {
    let from = cursor.ident()?;
    if !cursor.eat(&["to"]) {
        return None;
    }
    Some((from, cursor.ident()?))
}

fn add(cursor: &mut Cursor<'_>, table: &Name) -> Option<AlterAction> {
    let mut ahead = *cursor;
    if !cursor.sees(&["column"])
        && let Some(found) = constraint::table_constraint(&mut ahead, &table.name)
    {
        return Some(AlterAction::AddConstraint {
            constraint: found.constraint,
            index: found.index,
            using_index: found.using_index,
            named: found.named,
        });
    }
    cursor.eat(&["column"]);
    let if_not_exists = cursor.if_not_exists();
    Some(AlterAction::AddColumn { column: table::add_column(cursor, table)?, if_not_exists })
}

fn drop(cursor: &mut Cursor<'_>) -> Option<AlterAction> {
    let constraint = cursor.eat(&["constraint"]);
    if !constraint {
        cursor.eat(&["column"]);
    }
    let if_exists = cursor.if_exists();
    let name = cursor.ident()?;
    let cascade = cursor.eat(&["cascade"]);
    Some(if constraint {
        AlterAction::DropConstraint { name, if_exists, cascade }
    } else {
        AlterAction::DropColumn { name, if_exists, cascade }
    })
}

fn set(cursor: &mut Cursor<'_>) -> Option<AlterAction> {
    if cursor.sees_symbol(b'(') {
        return Some(AlterAction::SetOptions { options: constraint::options(cursor) });
    }
    Some(if cursor.eat(&["schema"]) {
        AlterAction::SetSchema { to: cursor.ident()? }
    } else if cursor.eat(&["logged"]) {
        AlterAction::SetLogged
    } else if cursor.eat(&["unlogged"]) {
        AlterAction::SetUnlogged
    } else if cursor.eat(&["tablespace"]) {
        AlterAction::SetTablespace
    } else if cursor.eat(&["access", "method"]) {
        AlterAction::SetAccessMethod
    } else {
        return None;
    })
}

fn alter_part(cursor: &mut Cursor<'_>) -> Option<AlterAction> {
    if cursor.eat(&["constraint"]) {
        return Some(AlterAction::AlterConstraint { name: cursor.ident()? });
    }
    cursor.eat(&["column"]);
    let column = cursor.ident()?;
    if cursor.eat(&["set", "data", "type"]) || cursor.eat(&["type"]) {
        let ty = types::read(cursor)?.ty;
        if cursor.eat(&["collate"]) {
            cursor.name();
        }
        let using = if cursor.eat(&["using"]) { Some(cursor.rest().to_owned()) } else { None };
        return Some(AlterAction::SetType { column, ty, using });
    }
    if cursor.eat(&["add", "generated"]) {
        let identity = if cursor.eat(&["by"]) { Identity::ByDefault } else { Identity::Always };
        return Some(AlterAction::AddIdentity { column, identity });
    }
    if cursor.eat(&["set", "expression", "as"]) {
        return Some(AlterAction::SetExpression { column, expression: cursor.group().rest().to_owned() });
    }
    Some(if cursor.eat(&["set", "not", "null"]) {
        AlterAction::SetNotNull { column }
    } else if cursor.eat(&["drop", "not", "null"]) {
        AlterAction::DropNotNull { column }
    } else if cursor.eat(&["set", "default"]) {
        AlterAction::SetDefault { column, expression: cursor.rest().to_owned() }
    } else if cursor.eat(&["drop", "default"]) {
        AlterAction::DropDefault { column }
    } else if cursor.eat(&["drop", "identity"]) {
        AlterAction::DropIdentity { column }
    } else if cursor.eat(&["drop", "expression"]) {
        AlterAction::DropExpression { column }
    } else if cursor.eat(&["set", "statistics"]) {
        AlterAction::SetStatistics { column }
    } else if cursor.eat(&["set", "storage"]) || cursor.eat(&["set", "compression"]) {
        AlterAction::SetStorage { column }
    } else if cursor.sees(&["restart"])
        || cursor.sees(&["set", "generated"])
        || (cursor.sees(&["set"])
            && ["increment", "minvalue", "maxvalue", "start", "cache", "cycle", "no", "sequence", "restart"]
                .iter()
                .any(|word| cursor.word_at(1, word)))
    {
        AlterAction::AlterIdentity { column }
    } else {
        return None;
    })
}
