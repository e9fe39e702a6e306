//! Which enum a migration changes, and how: read from its statements as people and Prisma write them.

use std::collections::BTreeMap;

use pgsteward_model::catalog::{Catalog, Column, ColumnType, QName, Table, TypeClass};
use pgsteward_model::migration::{MigrationFile, MigrationStatement};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::statement::{AlterAction, AlterEnum, Statement};
use pgsteward_sql::quote_literal;

use super::{Change, User};
use crate::migrate::plan::change::default_after;

/// Values that get another name.
pub(super) fn renamed<'a>(catalog: &'a Catalog, file: &MigrationFile) -> Option<Change<'a>> {
    let renames = file.statements.iter().enumerate().filter_map(|(at, one)| match &one.statement {
        Statement::AlterEnum { name, action: AlterEnum::RenameValue { from, to } } => {
            Some((at, name.qualified(), from.clone(), to.clone()))
        }
        _ => None,
    });
    let renames: Vec<_> = renames.collect();
    let name =
        renames.iter().map(|(_, name, _, _)| name).find(|name| catalog.enums.contains_key(name))?.clone();
    let old = catalog.enums.get(&name)?;
    let (mut new, mut labels, mut own) = (old.values.clone(), BTreeMap::new(), Vec::new());
    for (at, _, from, to) in renames.into_iter().filter(|(_, other, _, _)| *other == name) {
        for value in new.iter_mut().filter(|value| **value == from) {
            value.clone_from(&to);
        }
        labels.insert(from, to);
        own.push(at);
    }
    let users = users(catalog, &name).into_iter().map(|(table, column)| {
        let default = column.default.clone().map(|mut default| {
            for (from, to) in &labels {
                default = default.replace(&quote_literal(from), &quote_literal(to));
            }
            default
        });
        User { table, column: &column.name, using: None, default }
    });
    let columns = users.collect();
    Some(Change { name, old, new, labels, columns, own })
}

/// A type that is made anew beside the old one and takes its name, as Prisma writes it.
pub(super) fn made_anew<'a>(catalog: &'a Catalog, file: &'a MigrationFile) -> Option<Change<'a>> {
    let rename = |from: &QName| {
        file.statements.iter().enumerate().find_map(|(at, one)| match &one.statement {
            Statement::AlterEnum { name, action: AlterEnum::Rename { to } } if name.qualified() == *from => {
                Some((at, QName::new(from.namespace.clone(), to.clone())))
            }
            _ => None,
        })
    };
    let (made_at, made, values) =
        file.statements.iter().enumerate().find_map(|(at, one)| match &one.statement {
            Statement::CreateEnum { value, name } if rename(&name.qualified()).is_some() => {
                Some((at, name.qualified(), value.values.clone()))
            }
            _ => None,
        })?;
    let (named_at, name) = rename(&made)?;
    let old = catalog.enums.get(&name)?;
    let (aside_at, aside) = rename(&name)?;
    let gone_at = file.statements.iter().position(|one| {
        matches!(&one.statement, Statement::Drop { kind: ObjectKind::Enum, names, .. }
            if names.iter().any(|name| name.qualified() == aside))
    })?;
    let mut change = Change {
        own: vec![made_at, aside_at, named_at, gone_at],
        name,
        old,
        new: values,
        labels: BTreeMap::new(),
        columns: Vec::new(),
    };
    for (at, one) in file.statements.iter().enumerate() {
        let Statement::AlterTable(alter) = &one.statement else { continue };
        for action in &alter.actions {
            let AlterAction::SetType { column, ty, using } = action else { continue };
            if ty.name != made.name {
                continue;
            }
            let table = catalog.table(&alter.name.qualified())?;
            let default = table.column(column)?.default.clone();
            let default = default_after(file, &(table.name.clone(), column.clone())).unwrap_or(default);
            let using = using.clone().filter(|using| !keeps(using, column, &made));
            change.columns.push(User { table, column, using, default });
            change.own.push(at);
        }
    }
    let own = |one: &MigrationStatement| match &one.statement {
        Statement::AlterTable(alter) => alter.actions.iter().all(|action| match action {
            AlterAction::SetDefault { column, .. } | AlterAction::DropDefault { column } => change
                .columns
                .iter()
                .any(|user| user.table.name == alter.name.qualified() && user.column == column),
            _ => false,
        }),
        _ => false,
    };
    let defaults: Vec<usize> =
        (0..).zip(&file.statements).filter(|(_, one)| own(one)).map(|(at, _)| at).collect();
    change.own.extend(defaults);
    Some(change)
}

/// Whether an expression takes the value over as it is: `"role"::text::"Role_new"`, whose type may be named with its
/// namespace.
fn keeps(using: &str, column: &str, ty: &QName) -> bool {
    let plain = |text: &str| -> String {
        text.chars().filter(|one| !one.is_whitespace() && !matches!(one, '(' | ')' | '"')).collect()
    };
    let (using, column) = (plain(using), plain(column));
    [plain(&ty.name), plain(&format!("{}.{}", ty.namespace, ty.name))].iter().any(|ty| {
        [("", ""), ("[]", "[]"), ("", "[]")]
            .iter()
            .any(|(text, array)| using == format!("{column}::text{text}::{ty}{array}"))
    })
}

/// Columns of the type.
pub(super) fn users<'a>(catalog: &'a Catalog, name: &QName) -> Vec<(&'a Table, &'a Column)> {
    let tables = catalog.tables.values().map(std::sync::Arc::as_ref);
    tables
        .flat_map(|table| table.columns.iter().map(move |column| (table, column)))
        .filter(|(_, column)| is(&column.ty, name))
        .collect()
}

/// Whether a type is the enum.
pub(in crate::migrate::plan) fn is(ty: &ColumnType, name: &QName) -> bool {
    ty.class == TypeClass::Enum
        && ty.name == name.name
        && ty.namespace.as_deref().unwrap_or("public") == name.namespace
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_conversions_are_told_from_others() {
        let made = QName::new("public", "Role_new");
        assert!(keeps("\"role\"::text::\"Role_new\"", "role", &made));
        assert!(keeps("(role::text::public.\"Role_new\")", "role", &made));
        assert!(keeps("\"roles\"::text::\"Role_new\"[]", "roles", &made));
        assert!(!keeps("CASE \"role\" WHEN 'A' THEN 'B' END::\"Role_new\"", "role", &made));
    }

    #[test]
    fn plain_conversions_may_name_the_namespace() {
        let made = QName::new("app", "Role_new");
        assert!(keeps("(\"role\"::text::\"app\".\"Role_new\")", "role", &made));
        assert!(keeps("role::text::app.\"Role_new\"", "role", &made));
        assert!(keeps("(\"roles\"::text::\"app\".\"Role_new\"[])", "roles", &made));
        assert!(keeps("(\"role\"::text::\"Role_new\")", "role", &made));
        assert!(!keeps("(\"role\"::text::\"other\".\"Role_new\")", "role", &made));
    }
}
