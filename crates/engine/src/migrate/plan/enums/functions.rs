//! Functions around the moment in which another type takes the name of an enum: those that take or return it are made
//! anew with all that the server has of them that day, and sessions forget what they compiled of those that name it.

use pgsteward_model::catalog::{Catalog, Function, FunctionKind};
use pgsteward_model::migration::MigrationFile;
use pgsteward_model::statement::Statement;
use pgsteward_sql::{quote_ident, quote_literal};

use super::Change;
use crate::migrate::belongings::routines::{BACK, FORGOTTEN, GONE, kept};
use crate::migrate::plan::readers::{speaks, texts};

impl<'a> Change<'a> {
    /// Functions that take or return the type.
    fn signatures(&'a self, catalog: &'a Catalog) -> impl Iterator<Item = &'a Function> {
        let quoted = quote_ident(&self.name.name);
        let names = move |text: &str| text.contains(&quoted) || text.contains(&self.name.name);
        let all = catalog.functions.iter();
        all.filter(move |(id, one)| names(&id.arguments) || names(&one.returns)).map(|(_, one)| one)
    }

    /// Why a function cannot go over to the other type, and what to do about it by hand. `after` is the server's word where
    /// the type keeps all that stands on it.
    pub(super) fn obstacle_of_functions(
        &self,
        catalog: &Catalog,
        file: &MigrationFile,
        after: Option<&Catalog>,
    ) -> Option<String> {
        let by_hand = "drop it before and make it again after it, in migrations of their own";
        let Some(after) = after else {
            let first = self.signatures(catalog).next()?.id.name.display();
            return Some(format!("the function \"{first}\" takes or returns it: {by_hand}"));
        };
        let bound = after.functions.values().find(|one| {
            let definition = one.definition.as_deref().unwrap_or_default();
            let of_columns = || self.columns.iter().any(|user| speaks(definition, &user.table.name.name));
            is_bound(definition) && (speaks(definition, &self.name.name) || of_columns())
        });
        if let Some(bound) = bound {
            return Some(format!(
                "PostgreSQL holds the body of the function \"{}\" to what it reads (BEGIN ATOMIC, RETURN): {by_hand}",
                bound.id.name.display()
            ));
        }
        self.signatures(catalog).find_map(|one| {
            let name = one.id.name.display();
            let plain = matches!(one.kind, FunctionKind::Function | FunctionKind::Procedure);
            let known = ["sql", "plpgsql"].contains(&one.language.to_ascii_lowercase().as_str());
            if !(plain && known) {
                return Some(format!(
                    "\"{name}\", which takes or returns it, is no function of SQL or PL/pgSQL: {by_hand}"
                ));
            }
            if self.has_default(after, one) {
                return Some(format!(
                    "an argument of the function \"{name}\" has a value with a new name as its default: {by_hand}"
                ));
            }
            if let Some(caller) = caller(catalog, one) {
                return Some(format!(
                    "{caller} calls the function \"{name}\", which takes or returns it: {by_hand}, with what calls it"
                ));
            }
            let again = file.statements.iter().any(|other| match &other.statement {
                Statement::CreateFunction { name, .. } => name.name == one.id.name.name,
                Statement::Drop { names, .. } => names.iter().any(|name| name.name == one.id.name.name),
                _ => false,
            });
            again.then(|| {
                format!(
                    "the migration writes the function \"{name}\", which takes or returns it, too: make that a migration of its own"
                )
            })
        })
    }

    /// Whether an argument's default is one of the values that get another name.
    fn has_default(&self, after: &Catalog, function: &Function) -> bool {
        let of_name = after.functions.values().filter(|one| one.id.name == function.id.name);
        let mut heads = of_name.filter_map(|one| one.definition.as_deref()).map(head);
        let values: Vec<String> =
            self.labels.iter().flat_map(|(from, to)| [quote_literal(from), quote_literal(to)]).collect();
        heads.any(|head| values.iter().any(|value| head.contains(value)))
    }

    /// Functions whose text says a value by the name that it loses.
    pub(super) fn outdated(&self, catalog: &Catalog) -> Vec<String> {
        let of = |one: &&Function| self.labels.keys().any(|from| one.body.contains(&quote_literal(from)));
        catalog.functions.values().filter(of).map(|one| one.id.name.display()).collect()
    }

    /// What goes before the columns and what reads them, and what comes at the end of the swap: the database may have functions
    /// that no migration made. Where it has none, nothing happens.
    pub(super) fn functions(&self) -> ([String; 2], [String; 2]) {
        let ahead = [kept(std::iter::once(&self.name), &[]), GONE.to_owned()];
        (ahead, [BACK.to_owned(), FORGOTTEN.to_owned()])
    }
}

/// What stands before the body of a function as the server words it.
fn head(definition: &str) -> &str {
    definition.split("\nAS $").next().unwrap_or(definition)
}

/// Whether the server has read the body, and holds what it names.
fn is_bound(definition: &str) -> bool {
    let head = head(definition);
    head.contains("\nBEGIN ATOMIC") || head.contains("\nRETURN ")
}

/// Who calls a function and would keep it from going.
fn caller(catalog: &Catalog, function: &Function) -> Option<String> {
    let call = format!("{}(", quote_ident(&function.id.name.name));
    let calls = |text: &str| text.contains(&call);
    let some = |text: &Option<String>| text.as_deref().is_some_and(calls);
    if let Some(view) = catalog.views.values().find(|view| calls(&view.definition)) {
        return Some(format!("the view \"{}\"", view.name.display()));
    }
    for table in catalog.tables.values() {
        let name = table.name.display();
        let column = table.columns.iter().find(|column| {
            some(&column.default) || column.generated.as_ref().is_some_and(|one| calls(&one.expression))
        });
        if let Some(column) = column {
            return Some(format!("the column \"{}\" of \"{name}\"", column.name));
        }
        let index = table
            .indexes
            .iter()
            .find(|index| some(&index.predicate) || index.keys.iter().any(|key| some(&key.expression)));
        if let Some(index) = index {
            return Some(format!("the index \"{}\"", index.name));
        }
        use pgsteward_model::catalog::ConstraintKind::{Check, Exclusion};
        let constraint = table.constraints.iter().find(|one| match &one.kind {
            Check { expression, .. } => calls(expression),
            Exclusion { definition } => calls(definition),
            _ => false,
        });
        if let Some(constraint) = constraint {
            return Some(format!("the constraint \"{}\" of \"{name}\"", constraint.name));
        }
        if let Some(policy) = table.policies.iter().find(|policy| texts(policy).any(calls)) {
            return Some(format!("the policy \"{}\" of \"{name}\"", policy.name));
        }
        if let Some(trigger) = table.triggers.iter().find(|trigger| calls(&trigger.definition)) {
            return Some(format!("the trigger \"{}\" of \"{name}\"", trigger.name));
        }
    }
    let domain = catalog
        .domains
        .values()
        .find(|one| some(&one.default) || one.checks.iter().any(|(_, definition, _)| calls(definition)));
    domain.map(|domain| format!("the domain \"{}\"", domain.name.display()))
}
