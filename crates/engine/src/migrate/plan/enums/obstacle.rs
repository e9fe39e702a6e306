//! Why an enum cannot be exchanged for another one.

use pgsteward_model::catalog::{Catalog, ColumnType, CompositeType, QName};
use pgsteward_model::migration::MigrationFile;
use pgsteward_model::statement::{AlterAction, Statement};
use pgsteward_sql::{quote_ident, quote_qualified};

use super::{Change, is, users};
use crate::migrate::plan::exchange::Ways;
use crate::migrate::plan::obstacle::obstacle;
use crate::migrate::plan::readers;
use crate::migrate::plan::remade::Remade;

impl Change<'_> {
    /// Why the type cannot be exchanged.
    pub(super) fn obstacle(
        &self,
        catalog: &Catalog,
        file: &MigrationFile,
        after: Option<&Catalog>,
    ) -> Option<String> {
        if let Some(value) = self.taken() {
            return Some(format!(
                "its values take names from each other (\"{value}\" is an old and a new one)"
            ));
        }
        for user in &self.columns {
            let reason = obstacle(catalog, user.table, user.column, Ways::Forth, after.is_none());
            let reader = || readers::reader(catalog, user.table, user.column);
            let reason = reason.or_else(|| after.is_none().then(reader).flatten());
            if let Some(reason) = reason {
                return Some(format!("{}.{}: {reason}", user.table.name.display(), user.column));
            }
        }
        let others = match after {
            Some(after) => Remade::of(catalog, after, &self.places(), &self.name).err(),
            None => readers::reader_of_type(catalog, &self.name),
        };
        if others.is_some() {
            return others;
        }
        if users(catalog, &self.name).len() > self.columns.len() {
            return Some("not all of its columns are converted".into());
        }
        if let Some(reason) = self.obstacle_of_types(catalog) {
            return Some(reason);
        }
        if let Some(reason) = self.obstacle_of_functions(catalog, file, after) {
            return Some(reason);
        }
        let last = self.own.iter().max()?;
        let later = file.statements.iter().skip(last + 1).any(|one| match &one.statement {
            Statement::AlterEnum { name, .. } => name.qualified() == self.name,
            Statement::CreateTable(create) => {
                create.table.columns.iter().any(|column| column.ty.name == self.name.name)
            }
            Statement::AlterTable(alter) => alter.actions.iter().any(|action| match action {
                AlterAction::AddColumn { column, .. } => column.column.ty.name == self.name.name,
                _ => false,
            }),
            _ => false,
        });
        (later && self.waits().is_some())
            .then(|| "a later statement of the migration needs its new values".into())
    }

    /// Domains, and composite types that something else is made of.
    pub(super) fn obstacle_of_types(&self, catalog: &Catalog) -> Option<String> {
        if let Some(domain) = catalog.domains.values().find(|domain| is(&domain.base, &self.name)) {
            return Some(format!(
                "the domain \"{}\" is made of it: give its columns the enum itself before, what the domain checks as check \
                 constraints (over their text), and drop it, in a migration of its own",
                domain.name.display()
            ));
        }
        self.composites(catalog).find_map(|composite| {
            let name = composite.name.display();
            let by_hand = "before and back after it, in migrations of their own; text keeps the old name of a value, which USING \
                           has to replace on the way back";
            let holds = |ty: &ColumnType| of_name(ty, &composite.name);
            if let Some((table, column)) = catalog.tables.values().find_map(|table| {
                table.columns.iter().find(|column| holds(&column.ty)).map(|column| (table, column))
            }) {
                let table = table.name.display();
                return Some(format!(
                    "the type \"{name}\", which has it, is that of \"{}\" of \"{table}\": change the column to text {by_hand}",
                    column.name
                ));
            }
            let inside = |other: &&CompositeType| other.attributes.iter().any(|(_, ty)| holds(ty));
            let other = catalog.composites.values().find(inside).map(|other| other.name.display());
            let over = || catalog.domains.values().find(|one| holds(&one.base)).map(|one| one.name.display());
            other.or_else(over).map(|other| {
                format!(
                    "the type \"{name}\", which has it, is in the type \"{other}\": change columns of that to text and drop it {by_hand}"
                )
            })
        })
    }

    /// Composite types with an attribute of the type.
    pub(super) fn composites<'c>(&'c self, catalog: &'c Catalog) -> impl Iterator<Item = &'c CompositeType> {
        let of = |one: &&CompositeType| one.attributes.iter().any(|(_, ty)| is(ty, &self.name));
        catalog.composites.values().filter(of)
    }

    /// What turns their attributes to the type that has the name now. Nothing stores values of them.
    pub(super) fn turned_composites(&self, catalog: &Catalog) -> Vec<String> {
        let mut sql = Vec::new();
        for composite in self.composites(catalog) {
            for (attribute, ty) in composite.attributes.iter().filter(|(_, ty)| is(ty, &self.name)) {
                sql.push(format!(
                    "ALTER TYPE {} ALTER ATTRIBUTE {} TYPE {}{}",
                    quote_qualified(&composite.name),
                    quote_ident(attribute),
                    quote_qualified(&self.name),
                    if ty.array > 0 { "[]" } else { "" }
                ));
            }
        }
        sql
    }

    /// A new name that a value has, or had on the way: old and new rows could not be told apart.
    fn taken(&self) -> Option<&String> {
        self.labels.values().find(|to| self.old.values.contains(to) || self.labels.contains_key(*to))
    }
}

fn of_name(ty: &ColumnType, name: &QName) -> bool {
    ty.name == name.name && ty.namespace.as_deref().unwrap_or("public") == name.namespace
}
