//! Why an enum cannot be exchanged for another one.

use pgsteward_model::catalog::Catalog;
use pgsteward_model::migration::MigrationFile;
use pgsteward_model::statement::{AlterAction, Statement};
use pgsteward_sql::quote_ident;

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
        if let Some(domain) = catalog.domains.values().find(|domain| is(&domain.base, &self.name)) {
            return Some(format!("the domain \"{}\" is made of it", domain.name.display()));
        }
        let composite =
            catalog.composites.values().find(|one| one.attributes.iter().any(|(_, ty)| is(ty, &self.name)));
        if let Some(composite) = composite {
            return Some(format!("the type \"{}\" has it", composite.name.display()));
        }
        let quoted = quote_ident(&self.name.name);
        let names = |text: &str| text.contains(&quoted) || text.contains(&self.name.name);
        let function = catalog.functions.keys().find(|id| {
            names(&id.arguments) || catalog.functions.get(id).is_some_and(|function| names(&function.returns))
        });
        if let Some(function) = function {
            return Some(format!("the function \"{}\" takes or returns it", function.name.display()));
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

    /// A new name that a value has, or had on the way: old and new rows could not be told apart.
    fn taken(&self) -> Option<&String> {
        self.labels.values().find(|to| self.old.values.contains(to) || self.labels.contains_key(*to))
    }
}
