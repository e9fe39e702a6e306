//! An `@updatedAt` field that only Prisma Client keeps.

use pgsteward_model::catalog::{Catalog, Table, TriggerEvent};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::shared;
use crate::shared::model_of;

pub(super) static RULE: Rule = Rule {
    id: "updated-at-kept-by-client",
    group: Group::Schema,
    severity: Severity::Info,
    needs: &[Need::Catalog, Need::Prisma],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("updated_at_kept_by_client.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(catalog) = facts.catalog() else { return Vec::new() };
    shared::columns(facts)
        .filter(|(table, column)| {
            let field = model_of(facts, &table.name).and_then(|model| model.field_of_column(&column.name));
            field.is_some_and(|field| field.updated_at) && !has_trigger(catalog, table, &column.name)
        })
        .map(|(table, column)| {
            let name = shared::column_name(table, column);
            shared::on_column(&RULE, facts, table, column, format!("\"{name}\" is kept by Prisma Client only"))
                .detail(
                    "@updatedAt adds nothing to the database: $executeRaw, a migration's UPDATE, psql, a foreign key's SET \
                     NULL and any other program leave the old time in place.",
                )
                .hint(
                    "where other writers exist, add a BEFORE UPDATE FOR EACH ROW trigger that sets the column to now(); \
                     Prisma leaves triggers alone",
                )
        })
        .collect()
}

/// A BEFORE UPDATE row trigger whose function names the column. A function that the catalog does not show
/// (an extension's, such as moddatetime) is taken at its arguments in the trigger's definition, or on trust.
fn has_trigger(catalog: &Catalog, table: &Table, column: &str) -> bool {
    table.triggers.iter().any(|trigger| {
        let applies = trigger.enabled
            && trigger.before
            && trigger.row
            && trigger.events.contains(&TriggerEvent::Update);
        let bodies: Vec<&str> = catalog
            .functions
            .values()
            .filter(|function| trigger.function.as_ref() == Some(&function.id.name))
            .map(|function| function.body.as_str())
            .collect();
        let named = bodies.iter().any(|body| shared::mentions(body, column));
        applies && (bodies.is_empty() || named || shared::mentions(&trigger.definition, column))
    })
}
