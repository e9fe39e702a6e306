//! Views as view blocks (preview feature `views`). Keys and relations of a view are known to the schema only.

use super::fields::Column;
use super::models::Context;
use super::names;
use super::relation_fields::{self, RelationField};
use super::text::{Block, call, named_text};
use super::types::Family;
use super::warnings::{Warning, Warnings};
use pgsteward_model::prisma::ModelKey;

fn columns<'a>(context: &'a Context<'a>, at: usize) -> impl Iterator<Item = Column<'a>> {
    let matching = context.matching;
    let old = matching.views[at];
    matching.database.views[at].columns.iter().enumerate().map(move |(number, column)| Column {
        matching,
        source: context.source,
        column,
        old: old.and_then(|old| old.column(column.name)),
        named: matching.view_column_name(at, number),
        in_view: true,
    })
}

pub(super) fn render(context: &Context<'_>, at: usize) -> String {
    let matching = context.matching;
    let view = &matching.database.views[at];
    let old = matching.views[at];
    let named = matching.view_name(at);
    let database_name = &view.name.name;
    let mut block = Block::new("view", named.name.clone(), old.and_then(|old| old.documentation()));
    if old.is_none() && names::is_reserved(database_name) {
        let name = &named.name;
        block.document(&format!("This view has been renamed to '{name}' during introspection, because the original name '{database_name}' is reserved."));
    }
    if old.is_none() && view.commented {
        block.document("This view or at least one of its fields has comments in the database, and requires an additional setup for migrations: Read more: https://pris.ly/d/database-comments");
    }
    for column in columns(context, at) {
        let own = |key: &&ModelKey| key.fields.len() == 1 && key.fields[0].field == column.named.name;
        let mut keys = Vec::new();
        if let Some(old) = old {
            let unique = old.model.uniques.iter().filter(|key| key.on_field).find(own);
            keys.extend(unique.map(|key| call("@unique", &mapped(key))));
            keys.extend(old.model.primary_key.iter().find(own).map(|key| call("@id", &mapped(key))));
        }
        block.line(column.render(keys));
    }
    for field in relation_fields::of_view(context, at) {
        block.line(field.render());
    }
    if let Some(old) = old {
        let compound = old.model.primary_key.iter().filter(|key| key.fields.len() > 1);
        for key in compound {
            block.line(call("@@id", &arguments(key)));
        }
        for key in old.model.uniques.iter().filter(|key| key.fields.len() > 1) {
            block.line(call("@@unique", &arguments(key)));
        }
        for key in &old.model.indexes {
            block.line(call("@@index", &arguments(key)));
        }
    }
    let ignored = old.is_some_and(|old| old.model.ignored);
    let namespace = context.namespaces.then_some(view.name.namespace.as_str());
    block.lines_for(named.map.as_deref(), ignored, namespace);
    block.render()
}

fn mapped(key: &ModelKey) -> Vec<String> {
    key.map.iter().map(|map| named_text("map", map)).collect()
}

fn arguments(key: &ModelKey) -> Vec<String> {
    let fields: Vec<&str> = key.fields.iter().map(|part| part.field.as_str()).collect();
    let mut arguments = vec![format!("[{}]", fields.join(", "))];
    arguments.extend(key.name.iter().map(|name| named_text("name", name)));
    arguments.extend(mapped(key));
    arguments
}

pub(super) fn warn(context: &Context<'_>, at: usize, warnings: &mut Warnings) {
    let matching = context.matching;
    let view = &matching.database.views[at];
    let old = matching.views[at];
    let name = matching.view_name(at).name;
    if old.is_some_and(|old| {
        old.model.primary_key.as_ref().is_some_and(|key| key.fields.len() > 1 && key.name.is_some())
    }) {
        warnings.add(Warning::NamedViewIds, format!("\"{name}\""));
    }
    if old.is_none() && !matching.is_unique(&view.name.name) {
        warnings.add(Warning::DuplicateNames, format!("Type: \"view\", name: \"{name}\""));
    }
    if old.is_some_and(|old| old.named().map.is_some()) {
        warnings.add(Warning::RemappedViews, format!("\"{name}\""));
    }
    if view.commented {
        warnings.add(Warning::Comments, format!("Type: \"view\", name: \"{name}\""));
    }
    for column in columns(context, at) {
        let field = column.name();
        if column.old.is_some_and(|old| old.named().map.is_some()) {
            warnings.add(Warning::RemappedViewFields, format!("View: \"{name}\", field: \"{field}\""));
        }
        if matches!(column.column.family, Family::Unsupported(_)) {
            let ty = column.type_name();
            let item = format!("View: \"{name}\", field: \"{field}\", original data type: \"{ty}\"");
            warnings.add(Warning::UnsupportedViewTypes, item);
        }
        if column.unnamed() {
            warnings.add_unnamed(Warning::ViewFieldsWithoutName, &name, &field);
        }
    }
    for field in relation_fields::of_view(context, at).iter().filter(|field| RelationField::is_copied(field))
    {
        warnings.add(Warning::CopiedRelations, format!("\"{}\"", field.type_name()));
    }
}
