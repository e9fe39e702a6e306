//! Relation fields of a model: from foreign keys, from join tables, and those that only the schema before knows.

use pgsteward_model::catalog::ReferentialAction;
use pgsteward_model::prisma::{Arity, FieldType};

use super::database::{DbArity, DbForeignKey, DbTable};
use super::models::{Context, has_identifier};
use super::names::quoted;
use super::previous::OldField;
use super::relations::{KeyId, Side};
use super::text::{call, member, named_text};
use crate::calculate::names as constraint_names;
use crate::schema::relation_name;

pub(super) struct RelationField<'a> {
    context: &'a Context<'a>,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Inline { id: KeyId, side: Side, old: Option<OldRelation<'a>> },
    Many { key: KeyId, side: Side },
    Copied { old: OldField<'a> },
}

/// The two ends that a foreign key had in the schema before.
#[derive(Clone, Copy)]
struct OldRelation<'a> {
    forward: OldField<'a>,
    back: OldField<'a>,
}

/// The fields of a table's model, in order.
pub(super) fn of_model<'a>(context: &'a Context<'a>, at: usize) -> Vec<RelationField<'a>> {
    let matching = context.matching;
    let old = matching.tables[at];
    let kept = |field: &OldField<'a>| match &field.field.ty {
        FieldType::Model(target) => !matching.gone.contains(&target.as_str()),
        _ => false,
    };
    let copied = |old: OldField<'a>| RelationField { context, kind: Kind::Copied { old } };
    if !context.foreign_keys {
        return old.into_iter().flat_map(|old| old.relation_fields()).filter(kept).map(copied).collect();
    }
    let relations = context.relations;
    let own = |(table, ..): &&(usize, KeyId, Side)| *table == at;
    let inline = relations.fields.iter().filter(own).filter(|(_, id, _)| relations.inline.contains_key(id));
    let mut fields: Vec<RelationField<'a>> = inline
        .map(|(_, id, side)| {
            let kind = Kind::Inline { id: *id, side: *side, old: old_relation(context, *id) };
            RelationField { context, kind }
        })
        .collect();
    let many = relations.many_fields.iter().filter(own);
    fields.extend(
        many.map(|(_, key, side)| RelationField { context, kind: Kind::Many { key: *key, side: *side } }),
    );
    // A view has no foreign keys: its relations are known to the schema only.
    let is_view = |name: &str| matching.views.iter().flatten().any(|view| view.model.name == name);
    let to_view = |field: &OldField<'a>| matches!(&field.field.ty, FieldType::Model(name) if is_view(name));
    fields.extend(
        old.into_iter().flat_map(|old| old.relation_fields()).filter(to_view).filter(kept).map(copied),
    );
    fields
}

/// The relation fields of a view.
pub(super) fn of_view<'a>(context: &'a Context<'a>, at: usize) -> Vec<RelationField<'a>> {
    let old = context.matching.views[at];
    let kept = |field: &OldField<'a>| match &field.field.ty {
        FieldType::Model(target) => !context.matching.gone.contains(&target.as_str()),
        _ => false,
    };
    let fields = old.into_iter().flat_map(|old| old.relation_fields()).filter(kept);
    fields.map(|old| RelationField { context, kind: Kind::Copied { old } }).collect()
}

fn old_relation<'a>(context: &Context<'a>, id: KeyId) -> Option<OldRelation<'a>> {
    let (table, key) = key_of(context, id);
    let columns: Vec<&str> = key.columns.iter().map(|column| table.columns[*column].name).collect();
    let forward = context.matching.tables[id.0]?.forward(&columns)?;
    let (model, field) = forward.field.relation.as_ref()?.opposite.as_ref()?;
    let other = context.matching.tables.iter().flatten().find(|old| old.model.name == *model)?;
    Some(OldRelation { forward, back: other.field(field)? })
}

fn key_of<'a>(context: &Context<'a>, (table, key): KeyId) -> (&'a DbTable<'a>, &'a DbForeignKey<'a>) {
    let table = &context.matching.database.tables[table];
    (table, &table.foreign_keys[key])
}

impl<'a> RelationField<'a> {
    pub(super) fn is_copied(&self) -> bool {
        matches!(self.kind, Kind::Copied { .. })
    }

    /// True for a key that the schema did not know and that is not checked at once.
    pub(super) fn adds_deferrable(&self) -> bool {
        match &self.kind {
            Kind::Inline { id, side: Side::Forward, old: None } => key_of(self.context, *id).1.deferrable,
            _ => false,
        }
    }

    pub(super) fn type_name(&self) -> String {
        let matching = self.context.matching;
        match &self.kind {
            Kind::Inline { id, side, .. } => {
                let target = match side {
                    Side::Forward => key_of(self.context, *id).1.references,
                    Side::Back => id.0,
                };
                matching.table_name(target).name
            }
            Kind::Many { key, .. } => matching.table_name(key_of(self.context, *key).1.references).name,
            Kind::Copied { old } => match &old.field.ty {
                FieldType::Model(name) => name.clone(),
                _ => String::new(),
            },
        }
    }

    fn name(&self) -> String {
        let relations = self.context.relations;
        match &self.kind {
            Kind::Inline { id, side, old } => match (side, old, relations.inline.get(id)) {
                (Side::Forward, Some(old), _) => old.forward.field.name.clone(),
                (Side::Back, Some(old), _) => old.back.field.name.clone(),
                (Side::Forward, None, names) => names.map(|names| names.forward.clone()).unwrap_or_default(),
                (Side::Back, None, names) => names.map(|names| names.back.clone()).unwrap_or_default(),
            },
            Kind::Many { key, side } => {
                if let Some((_, field_a, field_b)) = self.old_many().filter(|(itself, ..)| !itself) {
                    return if *side == Side::Forward { field_a } else { field_b };
                }
                let names = relations.many.get(&key.0);
                let name = names.map(|names| match side {
                    Side::Forward => names.forward.clone(),
                    Side::Back => names.back.clone(),
                });
                name.unwrap_or_default()
            }
            Kind::Copied { old } => old.field.name.clone(),
        }
    }

    /// Whether the relation that the schema had for this join table is one of a model with itself, and its fields.
    fn old_many(&self) -> Option<(bool, String, String)> {
        let Kind::Many { key, .. } = &self.kind else { return None };
        let old = old_many(self.context, key.0)?;
        Some((old.itself, old.a_field, old.b_field))
    }

    fn relation_name(&self) -> Option<String> {
        let relations = self.context.relations;
        let name = match &self.kind {
            Kind::Inline { old: Some(old), .. } => old
                .back
                .field
                .relation
                .as_ref()
                .and_then(|relation| relation.name.clone())
                .unwrap_or_default(),
            Kind::Inline { id, .. } => relations.inline.get(id)?.relation.clone(),
            Kind::Many { key, .. } => match old_many(self.context, key.0) {
                Some(old) => old.name,
                None => relations.many.get(&key.0)?.relation.clone(),
            },
            Kind::Copied { old } => old.field.relation.as_ref()?.name.clone()?,
        };
        (!name.is_empty()).then_some(name)
    }

    pub(super) fn render(&self) -> String {
        let suffix = match &self.kind {
            Kind::Inline { id, side: Side::Forward, .. } => {
                let (table, key) = key_of(self.context, *id);
                let required = |column: &usize| table.columns[*column].arity == DbArity::Required;
                if key.columns.iter().all(required) { "" } else { "?" }
            }
            Kind::Inline { id, .. } => {
                if is_unique(self.context, *id) {
                    "?"
                } else {
                    "[]"
                }
            }
            Kind::Many { .. } => "[]",
            Kind::Copied { old } => match old.field.arity {
                Arity::Required => "",
                Arity::Optional => "?",
                Arity::List => "[]",
            },
        };
        let mut words = vec![self.name(), format!("{}{suffix}", self.type_name())];
        words.extend(self.attribute());
        if self.ignored() {
            words.push("@ignore".into());
        }
        member(None, false, &words)
    }

    fn attribute(&self) -> Option<String> {
        let name = self.relation_name();
        let mut arguments: Vec<String> = name.iter().map(|name| quoted(name)).collect();
        match &self.kind {
            Kind::Inline { id, side: Side::Forward, old } => {
                arguments.extend(self.forward_arguments(*id, old));
            }
            Kind::Copied { old } if !old.has_relation_attribute() => return None,
            Kind::Copied { old } => {
                let relation = old.field.relation.as_ref()?;
                for (word, names) in [("fields", &relation.fields), ("references", &relation.references)] {
                    if !names.is_empty() {
                        arguments.push(format!("{word}: [{}]", names.join(", ")));
                    }
                }
                arguments.extend(relation.on_delete.iter().map(|action| format!("onDelete: {action}")));
                arguments.extend(relation.on_update.iter().map(|action| format!("onUpdate: {action}")));
                arguments.extend(relation.map.iter().map(|map| named_text("map", map)));
            }
            _ if name.is_none() => return None,
            _ => {}
        }
        Some(call("@relation", &arguments))
    }

    fn forward_arguments(&self, id: KeyId, old: &Option<OldRelation<'_>>) -> Vec<String> {
        let (table, key) = key_of(self.context, id);
        let fields = |table: usize, columns: &[usize]| -> String {
            let name = |column: &usize| self.context.matching.column_name(table, *column).name;
            columns.iter().map(name).collect::<Vec<_>>().join(", ")
        };
        let mut arguments = vec![
            format!("fields: [{}]", fields(id.0, &key.columns)),
            format!("references: [{}]", fields(key.references, &key.referenced_columns)),
        ];
        let required = key.columns.iter().any(|column| table.columns[*column].arity == DbArity::Required);
        let usual = if required { ReferentialAction::Restrict } else { ReferentialAction::SetNull };
        if key.on_delete != usual {
            arguments.push(format!("onDelete: {}", action(key.on_delete)));
        }
        if key.on_update != ReferentialAction::Cascade {
            arguments.push(format!("onUpdate: {}", action(key.on_update)));
        }
        let columns: Vec<String> = key.columns.iter().map(|at| table.columns[*at].name.to_owned()).collect();
        let kept = old.as_ref().and_then(|old| old.forward.field.relation.as_ref()?.map.clone());
        let map = kept.or_else(|| {
            let usual = constraint_names::foreign_key(&table.name.name, &columns);
            (key.name != usual).then(|| key.name.to_owned())
        });
        arguments.extend(map.map(|map| named_text("map", &map)));
        arguments
    }

    /// A field whose relation leads to or from a model that the client cannot use.
    fn ignored(&self) -> bool {
        let (id, side, old) = match &self.kind {
            Kind::Inline { id, side, old } => (*id, *side, old),
            Kind::Many { .. } => return false,
            Kind::Copied { old } => return old.field.ignored,
        };
        let (table, key) = key_of(self.context, id);
        let target = &self.context.matching.database.tables[key.references];
        if has_identifier(table) && has_identifier(target) {
            return false;
        }
        let own = if side == Side::Forward { table } else { target };
        let explicit =
            old.is_some() && self.context.matching.tables[id.0].is_some_and(|old| old.model.ignored);
        !(explicit || (!has_identifier(own) && !own.columns.is_empty()))
    }
}

/// The relation that the schema before had for a join table.
pub(super) struct OldMany {
    name: String,
    itself: bool,
    pub(super) a: String,
    pub(super) b: String,
    a_field: String,
    b_field: String,
}

pub(super) fn old_many(context: &Context<'_>, table: usize) -> Option<OldMany> {
    let wanted = context.matching.database.tables[table].name.name.get(1..)?;
    let models = context.matching.tables.iter().flatten().map(|old| old.model);
    for model in models {
        for field in model.fields.iter().filter(|field| field.arity == Arity::List) {
            let Some((other, other_field)) = field.relation.as_ref().and_then(|one| one.opposite.as_ref())
            else {
                continue;
            };
            let other = context.matching.tables.iter().flatten().find(|old| old.model.name == *other);
            let Some(other) = other.map(|old| old.model) else { continue };
            let list = other.field(other_field).is_some_and(|field| field.arity == Arity::List);
            let first = (&model.name, &field.name) < (&other.name, other_field);
            if list && first && relation_name(model, field).as_deref() == Some(wanted) {
                return Some(OldMany {
                    name: wanted.to_owned(),
                    itself: model.name == other.name,
                    a: model.name.clone(),
                    b: other.name.clone(),
                    a_field: field.name.clone(),
                    b_field: other_field.clone(),
                });
            }
        }
    }
    None
}

/// True where at most one row holds the key: a unique index covers no other columns.
fn is_unique(context: &Context<'_>, id: KeyId) -> bool {
    let (table, key) = key_of(context, id);
    table
        .indexes
        .iter()
        .filter(|index| index.identifies())
        .any(|index| index.columns.iter().all(|column| key.columns.contains(&column.column)))
}

fn action(action: ReferentialAction) -> &'static str {
    match action {
        ReferentialAction::NoAction => "NoAction",
        ReferentialAction::Restrict => "Restrict",
        ReferentialAction::Cascade => "Cascade",
        ReferentialAction::SetNull => "SetNull",
        ReferentialAction::SetDefault => "SetDefault",
    }
}
