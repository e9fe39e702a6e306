//! The catalog that Prisma's own SQL would make from a schema: tables with columns, keys, indexes and
//! foreign keys, the tables of implicit many-to-many relations, enums. Knows no database and compares
//! nothing.
//!
//! Sources: Prisma's documentation of `prisma migrate` and of default constraint names, and what its schema
//! engine was seen to write.

use std::collections::HashMap;
use std::sync::Arc;

use pgsteward_model::catalog::{
    Catalog, Column, ColumnType, Constraint, ConstraintKind, Enum, Extension, ForeignKey, Index, IndexKey,
    Namespace, QName, ReferentialAction, Sequence, Table, TypeClass,
};
use pgsteward_model::prisma::{
    Arity, DefaultValue, Field, FieldType, Model, ModelKey, PrismaEnum, PrismaSchema, Relation,
};
use pgsteward_model::version::ServerVersion;

use crate::schema::native_types;
use crate::schema::{ManyToMany, many_to_many};

mod defaults;
pub(crate) mod names;

/// The namespace of models without `@@schema`.
pub(crate) const DEFAULT_NAMESPACE: &str = "public";

/// The catalog of a schema. Views are left out, because Prisma does not make them; ignored models are in,
/// because Prisma does.
pub fn calculate(schema: &PrismaSchema, version: ServerVersion) -> Catalog {
    let mut catalog = Catalog::empty(version);
    if let Some(source) = &schema.datasource {
        for name in &source.schemas {
            catalog.namespaces.insert(name.clone(), Namespace::default());
        }
        for name in &source.extensions {
            let extension =
                Extension { name: name.clone(), version: String::new(), namespace: DEFAULT_NAMESPACE.into() };
            catalog.extensions.insert(name.clone(), extension);
        }
    }
    let reader = Reader {
        models: schema.models.iter().rev().map(|model| (model.name.as_str(), model)).collect(),
        enums: schema.enums.iter().rev().map(|one| (one.name.as_str(), one)).collect(),
    };
    for definition in &schema.enums {
        let name = enum_name(definition);
        let values = definition.values.iter().map(|value| value.db_name.clone()).collect();
        catalog.enums.insert(name.clone(), Enum { name, values, comment: None });
    }
    let foreign_keys = !schema.relation_mode_prisma();
    for model in schema.models.iter().filter(|model| !model.view) {
        let mut table = reader.table(model, &mut catalog);
        if foreign_keys {
            reader.foreign_keys(model, &mut table);
        }
        catalog.tables.insert(table.name.clone(), Arc::new(table));
    }
    for relation in many_to_many(schema) {
        if let Some(table) = join_table(&relation, &catalog, foreign_keys) {
            catalog.tables.insert(table.name.clone(), Arc::new(table));
        }
    }
    catalog
}

pub(crate) fn table_name(model: &Model) -> QName {
    QName::new(model.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE), &model.db_name)
}

pub(crate) fn enum_name(definition: &PrismaEnum) -> QName {
    QName::new(definition.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE), &definition.db_name)
}

/// The name of a many-to-many relation's table.
pub(crate) fn join_table_name(relation: &ManyToMany<'_>) -> QName {
    let name = names::table(&format!("_{}", relation.name));
    QName::new(relation.a.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE), name)
}

/// The database name of a unique key or index of a model.
pub(crate) fn key_name(model: &Model, key: &ModelKey, unique: bool) -> String {
    let columns: Vec<String> = key.fields.iter().map(|part| column_name(model, &part.field)).collect();
    match (&key.map, unique) {
        (Some(name), _) => name.clone(),
        (None, true) => names::unique(&model.db_name, &columns),
        (None, false) => names::index(&model.db_name, &columns),
    }
}

/// Keys in the order in which Prisma makes their indexes: unique fields, `@@index`, `@@unique`. True with
/// each unique one.
pub(crate) fn keys_in_order(model: &Model) -> impl Iterator<Item = (&ModelKey, bool)> {
    let fields = model.uniques.iter().filter(|key| key.on_field).map(|key| (key, true));
    let blocks = model.uniques.iter().filter(|key| !key.on_field).map(|key| (key, true));
    fields.chain(model.indexes.iter().map(|key| (key, false))).chain(blocks)
}

fn column_name(model: &Model, field: &str) -> String {
    model.field(field).map_or_else(|| field.to_owned(), |field| field.db_name.clone())
}

struct Reader<'a> {
    models: HashMap<&'a str, &'a Model>,
    enums: HashMap<&'a str, &'a PrismaEnum>,
}

impl Reader<'_> {
    fn table(&self, model: &Model, catalog: &mut Catalog) -> Table {
        let mut table = Table::new(table_name(model));
        for field in model.fields.iter().filter(|field| field.is_column()) {
            // A name that no block defines makes no column; the parser has said so.
            let Some(ty) = self.column_type(field) else { continue };
            let mut column = column(&field.db_name, ty, field.arity == Arity::Required);
            match field.default.as_ref().map(|default| &default.value) {
                Some(DefaultValue::Autoincrement) => {
                    let sequence = sequence(&table.name, &column);
                    column.default = Some(format!("nextval('{}'::regclass)", quoted(&sequence.name)));
                    catalog.sequences.insert(sequence.name.clone(), sequence);
                }
                Some(value) => {
                    let definition = match &field.ty {
                        FieldType::Enum(name) => self.enums.get(name.as_str()).copied(),
                        _ => None,
                    };
                    column.default = defaults::expression(value, &field.ty, &column.ty, definition);
                }
                None => {}
            }
            table.columns.push(column);
        }
        if let Some(key) = &model.primary_key {
            let columns = key.fields.iter().map(|part| column_name(model, &part.field)).collect();
            let name = key.map.clone().unwrap_or_else(|| names::primary_key(&model.db_name));
            push_primary_key(&mut table, name, columns);
        }
        for (key, unique) in keys_in_order(model) {
            let index = index(model, key, unique);
            table.indexes.push(index);
        }
        table
    }

    fn column_type(&self, field: &Field) -> Option<ColumnType> {
        let mut ty = match &field.ty {
            FieldType::Scalar(scalar) => native_types::column_type(*scalar, field.native.as_ref()),
            FieldType::Enum(name) => {
                let name = enum_name(self.enums.get(name.as_str())?);
                ColumnType {
                    namespace: Some(name.namespace),
                    name: name.name,
                    modifiers: Vec::new(),
                    array: 0,
                    class: TypeClass::Enum,
                }
            }
            // PostgreSQL keeps composites of the schema as JSON.
            FieldType::Composite(_) => ColumnType::builtin("jsonb", &[]),
            FieldType::Unsupported(text) => unsupported(text),
            FieldType::Model(_) | FieldType::Unknown(_) => return None,
        };
        if ty.name == "citext" {
            ty.class = TypeClass::Unknown;
        }
        if field.arity == Arity::List {
            ty.array = 1;
        }
        Some(ty)
    }

    fn foreign_keys(&self, model: &Model, table: &mut Table) {
        for field in &model.fields {
            let (FieldType::Model(target), Some(relation)) = (&field.ty, &field.relation) else { continue };
            let Some(target) = self.models.get(target.as_str()).filter(|target| !target.view) else {
                continue;
            };
            if relation.fields.is_empty() || relation.references.len() != relation.fields.len() {
                continue;
            }
            let columns: Vec<String> = relation.fields.iter().map(|name| column_name(model, name)).collect();
            let referenced = relation.references.iter().map(|name| column_name(target, name)).collect();
            let name = relation.map.clone().unwrap_or_else(|| names::foreign_key(&model.db_name, &columns));
            let key = ForeignKey {
                columns,
                references: table_name(target),
                referenced_columns: referenced,
                on_delete: on_delete(model, field, relation),
                on_update: action(relation.on_update.as_deref()).unwrap_or(ReferentialAction::Cascade),
                match_full: false,
            };
            table.constraints.push(constraint(name, ConstraintKind::ForeignKey(key)));
        }
    }
}

/// Without `onDelete`, a row that others need stays, and one that they can do without leaves NULL behind.
fn on_delete(model: &Model, field: &Field, relation: &Relation) -> ReferentialAction {
    let required = |name: &String| model.field(name).is_some_and(|field| field.arity == Arity::Required);
    let any_required = relation.fields.iter().any(required);
    action(relation.on_delete.as_deref()).unwrap_or(if any_required || field.arity == Arity::Required {
        ReferentialAction::Restrict
    } else {
        ReferentialAction::SetNull
    })
}

fn action(name: Option<&str>) -> Option<ReferentialAction> {
    Some(match name? {
        "Cascade" => ReferentialAction::Cascade,
        "Restrict" => ReferentialAction::Restrict,
        "NoAction" => ReferentialAction::NoAction,
        "SetNull" => ReferentialAction::SetNull,
        "SetDefault" => ReferentialAction::SetDefault,
        _ => return None,
    })
}

fn index(model: &Model, key: &ModelKey, unique: bool) -> Index {
    let method = key.method.as_deref().unwrap_or("BTree").to_lowercase();
    let keys = key
        .fields
        .iter()
        .map(|part| IndexKey {
            column: Some(column_name(model, &part.field)),
            opclass: part.ops.clone().filter(|ops| !crate::diff::operator_classes::is_default(&method, ops)),
            descending: part.descending,
            // PostgreSQL puts NULL first in a descending key unless told otherwise.
            nulls_first: part.descending,
            ..IndexKey::default()
        })
        .collect();
    Index {
        keys,
        predicate: key.predicate.as_deref().map(|predicate| match key.raw_predicate {
            true => predicate.to_owned(),
            false => with_columns(model, predicate),
        }),
        ..plain_index(key_name(model, key, unique), &[], unique, &method)
    }
}

/// Field names in double quotes to column names: the object form of a predicate names fields.
fn with_columns(model: &Model, predicate: &str) -> String {
    let mut out = String::with_capacity(predicate.len());
    for (at, part) in predicate.split('"').enumerate() {
        if at > 0 {
            out.push('"');
        }
        match (at % 2, model.field(part)) {
            (1, Some(field)) => out.push_str(&field.db_name),
            _ => out.push_str(part),
        }
    }
    out
}

fn plain_index(name: String, columns: &[&str], unique: bool, method: &str) -> Index {
    Index {
        name,
        method: method.to_owned(),
        keys: columns.iter().map(|column| IndexKey::column(column)).collect(),
        include: Vec::new(),
        unique,
        nulls_not_distinct: false,
        predicate: None,
        valid: true,
        constraint: None,
        options: Vec::new(),
        comment: None,
        statistics: None,
    }
}

fn push_primary_key(table: &mut Table, name: String, columns: Vec<String>) {
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    let index = Index { constraint: Some(name.clone()), ..plain_index(name.clone(), &names, true, "btree") };
    table.indexes.push(index);
    table.constraints.push(constraint(name, ConstraintKind::PrimaryKey { columns }));
}

fn constraint(name: String, kind: ConstraintKind) -> Constraint {
    Constraint { name, kind, validated: true, deferrable: false, initially_deferred: false, comment: None }
}

fn column(name: &str, ty: ColumnType, not_null: bool) -> Column {
    Column {
        name: name.to_owned(),
        ty,
        not_null,
        default: None,
        identity: None,
        generated: None,
        collation: None,
        comment: None,
        grants: Vec::new(),
        statistics: None,
    }
}

fn sequence(table: &QName, column: &Column) -> Sequence {
    let max = match column.ty.name.as_str() {
        "smallint" => i64::from(i16::MAX),
        "integer" => i64::from(i32::MAX),
        _ => i64::MAX,
    };
    Sequence {
        name: QName::new(&table.namespace, names::sequence(&table.name, &column.name)),
        ty: column.ty.name.clone(),
        start: 1,
        increment: 1,
        min: 1,
        max,
        cycle: false,
        owned_by: Some((table.clone(), column.name.clone())),
        last_value: None,
        grants: Vec::new(),
        comment: None,
    }
}

/// A name in the text of `nextval('…')`.
fn quoted(name: &QName) -> String {
    let namespace = pgsteward_sql::quote_ident(&name.namespace);
    let text = format!("{namespace}.{}", pgsteward_sql::quote_ident(&name.name));
    text.replace('\'', "''")
}

/// The type in `Unsupported("…")`. What the type reader cannot take apart stays whole as the name.
fn unsupported(text: &str) -> ColumnType {
    let whole = ColumnType { class: TypeClass::Unknown, ..ColumnType::builtin(text.trim(), &[]) };
    match pgsteward_sql::types::parse_type(text) {
        // Arguments that are no numbers would be lost.
        Some(ty) if !(ty.modifiers.is_empty() && text.contains('(')) => ty,
        _ => whole,
    }
}

fn join_table(relation: &ManyToMany<'_>, catalog: &Catalog, foreign_keys: bool) -> Option<Table> {
    let mut table = Table::new(join_table_name(relation));
    let mut keys = Vec::new();
    for (name, model) in [("A", relation.a), ("B", relation.b)] {
        if model.view {
            return None;
        }
        let part = model.primary_key.as_ref()?.fields.first()?;
        let referenced = column_name(model, &part.field);
        let target = table_name(model);
        let ty = catalog.table(&target)?.column(&referenced)?.ty.clone();
        table.columns.push(column(name, ty, true));
        let key = ForeignKey {
            columns: vec![name.to_owned()],
            references: target,
            referenced_columns: vec![referenced],
            on_delete: ReferentialAction::Cascade,
            on_update: ReferentialAction::Cascade,
            match_full: false,
        };
        let constraint_name = names::with_suffix(&table.name.name, &format!("_{name}_fkey"));
        keys.push(constraint(constraint_name, ConstraintKind::ForeignKey(key)));
    }
    let name = table.name.name.clone();
    push_primary_key(&mut table, names::with_suffix(&name, "_AB_pkey"), vec!["A".into(), "B".into()]);
    table.indexes.push(plain_index(names::with_suffix(&name, "_B_index"), &["B"], false, "btree"));
    if foreign_keys {
        table.constraints.extend(keys);
    }
    Some(table)
}
