//! One catalog in the words of another, where both say the same (see [`crate::printed`]): the server words views, policies,
//! checks, defaults, predicates and triggers another way once it has read its own words.

use std::borrow::Cow;
use std::sync::Arc;

use crate::catalog::{
    Catalog, Column, ConstraintKind, Domain, Function, Index, Policy, StatisticsObject, Table, View,
};
use crate::printed::alike;

/// `catalog`, with the words of `model` for what has the same name in both and differs in nothing but words.
pub fn in_words_of<'a>(model: &Catalog, catalog: &'a Catalog) -> Cow<'a, Catalog> {
    let mut out = Cow::Borrowed(catalog);
    for (name, table) in &catalog.tables {
        let Some(known) = model.tables.get(name).filter(|known| *known != table) else { continue };
        if let Cow::Owned(table) = table_in_words_of(known, table) {
            out.to_mut().tables.insert(name.clone(), Arc::new(table));
        }
    }
    for (name, view) in &catalog.views {
        let Some(known) = model.views.get(name).filter(|known| *known != view) else { continue };
        if let Some(view) = changed(known, view, of_view) {
            out.to_mut().views.insert(name.clone(), view);
        }
    }
    for (name, domain) in &catalog.domains {
        let Some(known) = model.domains.get(name).filter(|known| *known != domain) else { continue };
        if let Some(domain) = changed(known, domain, of_domain) {
            out.to_mut().domains.insert(name.clone(), domain);
        }
    }
    for (id, function) in &catalog.functions {
        let Some(known) = model.functions.get(id).filter(|known| *known != function) else { continue };
        if let Some(function) = changed(known, function, of_function) {
            out.to_mut().functions.insert(id.clone(), function);
        }
    }
    for (name, one) in &catalog.statistics_objects {
        let Some(known) = model.statistics_objects.get(name).filter(|known| *known != one) else { continue };
        let of = |known: &StatisticsObject, own: &mut StatisticsObject| {
            take(&known.definition, &mut own.definition);
        };
        if let Some(one) = changed(known, one, of) {
            out.to_mut().statistics_objects.insert(name.clone(), one);
        }
    }
    out
}

/// The same for a table.
pub fn table_in_words_of<'a>(model: &Table, table: &'a Table) -> Cow<'a, Table> {
    changed(model, table, of_table).map_or(Cow::Borrowed(table), Cow::Owned)
}

fn changed<T: Clone + PartialEq>(model: &T, one: &T, take: fn(&T, &mut T)) -> Option<T> {
    let mut taken = one.clone();
    take(model, &mut taken);
    (taken != *one).then_some(taken)
}

fn of_table(model: &Table, table: &mut Table) {
    for column in &mut table.columns {
        let known = model.columns.iter().find(|known| known.name == column.name);
        known.into_iter().for_each(|known| of_column(known, column));
    }
    for constraint in &mut table.constraints {
        let known = model.constraints.iter().find(|known| known.name == constraint.name);
        match (known.map(|known| &known.kind), &mut constraint.kind) {
            (
                Some(ConstraintKind::Check { expression: known, .. }),
                ConstraintKind::Check { expression, .. },
            ) => take(known, expression),
            (
                Some(ConstraintKind::Exclusion { definition: known }),
                ConstraintKind::Exclusion { definition },
            ) => take(known, definition),
            _ => {}
        }
    }
    of_indexes(&model.indexes, &mut table.indexes);
    for trigger in &mut table.triggers {
        let known = model.triggers.iter().find(|known| known.name == trigger.name);
        known.into_iter().for_each(|known| take(&known.definition, &mut trigger.definition));
    }
    for policy in &mut table.policies {
        let known = model.policies.iter().find(|known| known.name == policy.name);
        known.into_iter().for_each(|known| of_policy(known, policy));
    }
    if let (Some(known), Some(own)) = (&model.partitioning, &mut table.partitioning) {
        take(&known.key, &mut own.key);
    }
}

fn of_column(model: &Column, column: &mut Column) {
    take_some(model.default.as_ref(), column.default.as_mut());
    let known = model.generated.as_ref().map(|known| &known.expression);
    take_some(known, column.generated.as_mut().map(|own| &mut own.expression));
}

fn of_indexes(model: &[Index], indexes: &mut [Index]) {
    for index in indexes {
        let Some(known) = model.iter().find(|known| known.name == index.name) else { continue };
        take_some(known.predicate.as_ref(), index.predicate.as_mut());
        for (known, key) in known.keys.iter().zip(&mut index.keys) {
            take_some(known.expression.as_ref(), key.expression.as_mut());
        }
    }
}

fn of_policy(model: &Policy, policy: &mut Policy) {
    take_some(model.using.as_ref(), policy.using.as_mut());
    take_some(model.with_check.as_ref(), policy.with_check.as_mut());
}

fn of_view(model: &View, view: &mut View) {
    take(&model.definition, &mut view.definition);
    of_indexes(&model.indexes, &mut view.indexes);
}

fn of_domain(model: &Domain, domain: &mut Domain) {
    take_some(model.default.as_ref(), domain.default.as_mut());
    for (name, check, _) in &mut domain.checks {
        let known = model.checks.iter().find(|(known, ..)| known == name);
        known.into_iter().for_each(|(_, known, _)| take(known, check));
    }
}

/// A body in quotes is what people wrote; one of the standard (`RETURN …`, `BEGIN ATOMIC …`) is the server's.
fn of_function(model: &Function, function: &mut Function) {
    let printed = |function: &Function| {
        function.language == "sql"
            && ["RETURN ", "BEGIN ATOMIC"].iter().any(|word| function.body.starts_with(word))
    };
    if printed(model) && printed(function) {
        take(&model.body, &mut function.body);
        take_some(model.definition.as_ref(), function.definition.as_mut());
    }
}

fn take_some(model: Option<&String>, own: Option<&mut String>) {
    if let (Some(model), Some(own)) = (model, own) {
        take(model, own);
    }
}

fn take(model: &str, own: &mut String) {
    if own != model && alike(model, own) {
        model.clone_into(own);
    }
}
