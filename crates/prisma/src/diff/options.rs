//! What a comparison is about, and what a catalog cannot keep of a schema but its SQL needs.

use std::collections::{BTreeMap, BTreeSet};

use pgsteward_model::catalog::{Catalog, QName};
use pgsteward_model::prisma::{Arity, DefaultValue, FieldType, PrismaSchema};

use crate::calculate::{DEFAULT_NAMESPACE, enum_name, join_table_name, key_name, keys_in_order, table_name};
use crate::render::Style;
use crate::schema::many_to_many;

/// The default compares `public` and has no schema at hand: new objects come in the order of their names.
#[derive(Clone, Debug, PartialEq)]
pub struct DiffOptions {
    /// The namespaces that are compared; objects in others are left alone.
    pub namespaces: Vec<String>,
    /// Partial indexes are compared with the preview feature `partialIndexes` only; without it Prisma does
    /// not see those of a database.
    pub partial_indexes: bool,
    /// Extensions are compared with the preview feature `postgresqlExtensions` only.
    pub extensions: bool,
    /// Of the side that the steps lead to.
    pub hints: SchemaHints,
    /// Where the other side is a schema too; none for what a server or a replayed history holds.
    pub before: Option<SchemaHints>,
    /// True where the steps lead to what a server holds: then Prisma names every namespace and every `ASC`.
    pub to_database: bool,
}

/// The order and the spelling of a schema, which its catalog does not keep.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SchemaHints {
    /// Tables in the order of the schema, those of many-to-many relations last.
    pub tables: Vec<QName>,
    pub enums: Vec<QName>,
    /// `dbgenerated("…")` by table and column: written as it stands. None for `dbgenerated()`.
    pub defaults: BTreeMap<(QName, String), Option<String>>,
    /// `Unsupported("…")` by table and column, and types whose arguments are implied: written as they stand.
    pub types: BTreeMap<(QName, String), String>,
    /// Operator classes by table and index, also those that are the default: Prisma writes them out.
    pub operator_classes: BTreeMap<(QName, String), Vec<Option<String>>>,
    /// Columns whose default the client makes: `cuid()`, `@updatedAt`.
    pub client_defaults: BTreeSet<(QName, String)>,
    /// Namespace and version that are asked of extensions.
    pub extensions: BTreeMap<String, (Option<String>, Option<String>)>,
    /// `sort: Asc` by table and index, for each key: Prisma writes it out.
    pub ascending: BTreeMap<(QName, String), Vec<bool>>,
}

impl Default for DiffOptions {
    fn default() -> DiffOptions {
        DiffOptions {
            namespaces: vec![DEFAULT_NAMESPACE.to_owned()],
            partial_indexes: false,
            extensions: false,
            hints: SchemaHints::default(),
            before: None,
            to_database: false,
        }
    }
}

impl DiffOptions {
    /// `public` is written out where the steps lead to a server's state, or to nothing at all.
    pub fn style(&self, to: &Catalog) -> Style {
        Style { names_public: self.to_database || to.namespaces.is_empty() }
    }

    /// For a comparison of two schemas.
    pub fn between(before: &PrismaSchema, after: &PrismaSchema) -> DiffOptions {
        let mut options = DiffOptions { before: Some(hints(before)), ..DiffOptions::of(after) };
        let more = before.datasource.iter().flat_map(|source| &source.schemas);
        for name in more {
            if !options.namespaces.contains(name) {
                options.namespaces.push(name.clone());
            }
        }
        options
    }

    /// For a comparison that leads to what a server holds: from a schema, or else from another server's state.
    /// `asked` says which namespaces and which kinds of objects are looked at.
    pub fn to_database(before: Option<&PrismaSchema>, asked: &PrismaSchema) -> DiffOptions {
        let asked = DiffOptions::of(before.filter(|one| one.datasource.is_some()).unwrap_or(asked));
        DiffOptions { before: before.map(hints), hints: SchemaHints::default(), to_database: true, ..asked }
    }

    /// For a comparison that leads from what a server holds to this schema.
    pub fn of(schema: &PrismaSchema) -> DiffOptions {
        let preview = |name: &str| {
            schema.generators.iter().any(|generator| generator.preview_features.iter().any(|one| one == name))
        };
        let mut options = DiffOptions {
            partial_indexes: preview("partialIndexes"),
            extensions: preview("postgresqlExtensions"),
            ..DiffOptions::default()
        };
        if let Some(source) = schema.datasource.as_ref().filter(|source| !source.schemas.is_empty()) {
            options.namespaces.clone_from(&source.schemas);
        }
        options.hints = hints(schema);
        options
    }
}

fn hints(schema: &PrismaSchema) -> SchemaHints {
    let mut hints =
        SchemaHints { enums: schema.enums.iter().map(enum_name).collect(), ..SchemaHints::default() };
    for one in schema.datasource.iter().flat_map(|source| &source.extension_options) {
        hints.extensions.insert(one.name.clone(), (one.namespace.clone(), one.version.clone()));
    }
    for model in schema.models.iter().filter(|model| !model.view) {
        let table = table_name(model);
        for field in &model.fields {
            let place = (table.clone(), field.db_name.clone());
            if let FieldType::Unsupported(text) = &field.ty {
                let list = if field.arity == Arity::List { "[]" } else { "" };
                hints.types.insert(place.clone(), format!("{text}{list}"));
            }
            let default = field.default.as_ref().map(|default| &default.value);
            if field.updated_at || matches!(default, Some(DefaultValue::Client { .. })) {
                hints.client_defaults.insert(place.clone());
            }
            if let Some(native) = &field.native
                && native.arguments.is_empty()
                && matches!(native.name.as_str(), "Char" | "Bit")
            {
                let list = if field.arity == Arity::List { "[]" } else { "" };
                hints.types.insert(place.clone(), format!("{}{list}", native.name.to_uppercase()));
            }
            if let Some(DefaultValue::DbGenerated(text)) =
                field.default.as_ref().map(|default| &default.value)
            {
                hints.defaults.insert(place, text.clone());
            }
        }
        for (key, unique) in keys_in_order(model) {
            if key.fields.iter().any(|part| part.ops.is_some()) {
                let classes = key.fields.iter().map(|part| part.ops.clone()).collect();
                hints.operator_classes.insert((table.clone(), key_name(model, key, unique)), classes);
            }
            if key.fields.iter().any(|part| part.ascending) {
                let written = key.fields.iter().map(|part| part.ascending).collect();
                hints.ascending.insert((table.clone(), key_name(model, key, unique)), written);
            }
        }
        hints.tables.push(table);
    }
    hints.tables.extend(many_to_many(schema).iter().map(join_table_name));
    hints
}
