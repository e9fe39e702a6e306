//! What Prisma 7.10 refuses besides what [`super::check`] finds: values that do not fit their fields, keys that may be
//! NULL, names that clash. Asked where a user wants to know whether Prisma would take a schema; a review of a repository
//! does not need it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use pgsteward_model::prisma::{
    Arity, At, DefaultValue, Field, FieldType, Model, ModelKey, PrismaSchema, Scalar, SchemaError,
};
use pgsteward_model::source::SourceFile;

use super::relations::end;
use crate::calculate::names as constraint_names;
use crate::introspect::is_reserved;

/// All that is wrong with a schema, in the order of files and places. Empty: Prisma takes it, as far as is known here.
pub fn validate(files: &[Arc<SourceFile>]) -> Vec<SchemaError> {
    let schema = super::parse(files);
    let mut strict = Strict { schema: &schema, files, errors: Vec::new() };
    strict.configuration();
    for model in &schema.models {
        strict.model(model);
    }
    for one in &schema.enums {
        strict.name(&one.name, &one.at, true);
        if one.values.is_empty() {
            strict.error(&one.at, format!("enum \"{}\" has no value", one.name));
        }
    }
    strict.constraint_names();
    let more = strict.errors;
    let mut errors = schema.errors;
    errors.extend(more);
    errors.sort_by(|a, b| (&a.at.file, a.at.span).cmp(&(&b.at.file, b.at.span)));
    errors
}

struct Strict<'a> {
    schema: &'a PrismaSchema,
    files: &'a [Arc<SourceFile>],
    errors: Vec<SchemaError>,
}

impl Strict<'_> {
    fn error(&mut self, at: &At, message: impl Into<String>) {
        self.errors.push(SchemaError { at: at.clone(), message: message.into() });
    }

    fn text(&self, at: &At) -> String {
        let file = self.files.iter().find(|file| file.path == at.file);
        file.map(|file| file.slice(at.span).to_owned()).unwrap_or_default()
    }

    fn configuration(&mut self) {
        for generator in &self.schema.generators {
            if generator.provider.is_none() {
                self.error(&generator.at, format!("generator \"{}\" has no provider", generator.name));
            }
        }
        for composite in &self.schema.composites {
            self.error(&composite.at, "composite types are not supported on PostgreSQL");
        }
    }

    fn name(&mut self, name: &str, at: &At, type_name: bool) {
        if type_name && is_reserved(name) {
            self.error(at, format!("\"{name}\" is a reserved name"));
        }
        if name.starts_with('_') {
            self.error(at, format!("the name \"{name}\" does not begin with a letter"));
        }
    }

    fn model(&mut self, model: &Model) {
        self.name(&model.name, &model.name_at, true);
        self.namespace(model);
        for field in &model.fields {
            self.name(&field.name, &field.name_at, false);
            self.field(field);
            self.relation(model, field);
        }
        let keys = model.primary_key.iter().chain(&model.uniques).chain(&model.indexes);
        for key in keys {
            self.key(model, key);
        }
        let usable = |key: &&ModelKey| {
            key.fields.iter().all(|part| {
                let field = model.field(&part.field);
                field.is_some_and(|field| {
                    field.arity == Arity::Required && !matches!(field.ty, FieldType::Unsupported(_))
                })
            })
        };
        let mut keys = model.primary_key.iter().chain(&model.uniques);
        if !model.view && !model.ignored && model.primary_key.is_some() && !keys.any(|key| usable(&key)) {
            let name = &model.name;
            self.error(
                &model.name_at,
                format!("model \"{name}\" has no key over required fields that Prisma reads"),
            );
        }
    }

    fn namespace(&mut self, model: &Model) {
        let known = self.schema.datasource.as_ref().map(|source| source.schemas.clone()).unwrap_or_default();
        match &model.namespace {
            Some(name) if !known.contains(name) => {
                self.error(&model.name_at, format!("the schema \"{name}\" is not listed in the datasource"));
            }
            None if !known.is_empty() => {
                self.error(&model.name_at, format!("model \"{}\" needs a @@schema attribute", model.name));
            }
            _ => {}
        }
    }

    fn field(&mut self, field: &Field) {
        let written = self.text(&field.at);
        if written.contains('\n') {
            self.error(&field.at, format!("field \"{}\" does not stand on one line", field.name));
        }
        if field.arity == Arity::List && !self.text(&field.type_at).contains("[]") {
            self.error(&field.type_at, "there is a blank between the brackets of a list");
        }
        if field.is_id && field.arity != Arity::Required {
            self.error(&field.at, format!("field \"{}\" is an id and must be required", field.name));
        }
        if field.updated_at && field.ty != FieldType::Scalar(Scalar::DateTime) {
            self.error(&field.at, format!("field \"{}\" has @updatedAt and is no DateTime", field.name));
        }
        if let Some(native) = field.native.as_ref().filter(|native| native.name == "Decimal") {
            let numbers: Vec<u32> = native.arguments.iter().filter_map(|one| one.parse().ok()).collect();
            if let [precision, scale] = numbers.as_slice()
                && scale > precision
            {
                self.error(&native.at, "the scale is larger than the precision");
            }
        }
        let Some(default) = &field.default else { return };
        let values = match (&default.value, field.arity) {
            (DefaultValue::List(values), Arity::List) => values.as_slice(),
            (DefaultValue::List(_), _) => {
                self.error(&default.at, "the default of a single value is a list");
                return;
            }
            (DefaultValue::DbGenerated(_), _) => std::slice::from_ref(&default.value),
            (_, Arity::List) => {
                self.error(&default.at, "the default of a list must be a list");
                return;
            }
            (value, _) => std::slice::from_ref(value),
        };
        if let Some(problem) = values.iter().find_map(|value| misfit(value, &field.ty)) {
            self.error(&default.at, problem);
        }
    }

    fn relation(&mut self, model: &Model, field: &Field) {
        let Some((target, relation)) = end(field) else { return };
        let Some(target) = self.schema.model(target) else { return };
        if model.ignored || target.ignored || field.ignored {
            return;
        }
        if model.name == target.name && relation.name.is_none() {
            let others = model.fields.iter().filter_map(|other| Some((other, end(other)?)));
            let mut twins = others.filter(|(_, (name, one))| *name == model.name && one.name.is_none());
            if twins.any(|(other, _)| !std::ptr::eq(other, field)) {
                self.error(
                    &relation.at,
                    format!("the relation of \"{}\" with itself needs a name", model.name),
                );
            }
        }
        if relation.fields.is_empty() {
            return;
        }
        let own: Vec<&Field> = relation.fields.iter().filter_map(|name| model.field(name)).collect();
        let theirs: Vec<&Field> = relation.references.iter().filter_map(|name| target.field(name)).collect();
        for (one, other) in own.iter().zip(&theirs) {
            if one.ty != other.ty {
                let message = format!(
                    "\"{}\" of \"{}\" and \"{}\" of \"{}\" have different types",
                    one.name, model.name, other.name, target.name
                );
                self.error(&relation.at, message);
            }
        }
        if field.arity == Arity::Required && own.iter().any(|one| one.arity == Arity::Optional) {
            let message = format!("a field of the key is optional, so \"{}\" must be too", field.name);
            self.error(&relation.at, message);
        }
        let wanted: HashSet<&str> = relation.references.iter().map(String::as_str).collect();
        let mut keys = target.primary_key.iter().chain(&target.uniques);
        let unique = keys.any(|key| {
            let fields: HashSet<&str> = key.fields.iter().map(|part| part.field.as_str()).collect();
            fields == wanted
        });
        if !unique && !target.view {
            let message = format!("the references are no unique key of \"{}\"", target.name);
            self.error(&relation.at, message);
        }
    }

    fn key(&mut self, model: &Model, key: &ModelKey) {
        let primary = model.primary_key.as_ref().is_some_and(|one| std::ptr::eq(one, key));
        let optional = |part: &&pgsteward_model::prisma::KeyField| {
            model.field(&part.field).is_some_and(|field| field.arity == Arity::Optional)
        };
        if primary
            && !key.on_field
            && let Some(part) = key.fields.iter().find(optional)
        {
            self.error(&key.at, format!("\"{}\" is part of the id and must be required", part.field));
        }
        if self.text(&key.at).contains('\n') {
            self.error(&key.at, "an attribute must stand on one line");
        }
        if key.fulltext {
            self.error(&key.at, "fulltext indexes are not supported on PostgreSQL");
        }
        let known = ["BTree", "Hash", "Gist", "Gin", "SpGist", "Brin"];
        if let Some(method) = key.method.as_ref().filter(|method| !known.contains(&method.as_str())) {
            self.error(&key.at, format!("unknown index type \"{method}\""));
        }
        let preview = |one: &pgsteward_model::prisma::Generator| {
            one.preview_features.iter().any(|feature| feature == "partialIndexes")
        };
        if key.predicate.is_some() && !self.schema.generators.iter().any(preview) {
            self.error(
                &key.at,
                "partial indexes need \"partialIndexes\" among the previewFeatures of a generator",
            );
        }
    }

    /// Indexes, unique and primary keys share their names within a namespace.
    fn constraint_names(&mut self) {
        let mut seen: HashMap<(Option<&str>, String), ()> = HashMap::new();
        let mut found = Vec::new();
        for model in self.schema.models.iter().filter(|model| !model.view) {
            let columns = |key: &ModelKey| -> Vec<String> {
                let column = |name: &str| model.field(name).map_or(name, |field| &field.db_name).to_owned();
                key.fields.iter().map(|part| column(&part.field)).collect()
            };
            let mut names: Vec<(&ModelKey, String)> = Vec::new();
            let table = &model.db_name;
            let named = |key: &ModelKey, usual: String| key.map.clone().unwrap_or(usual);
            names.extend(
                model.primary_key.iter().map(|key| (key, named(key, constraint_names::primary_key(table)))),
            );
            names.extend(
                model
                    .uniques
                    .iter()
                    .map(|key| (key, named(key, constraint_names::unique(table, &columns(key))))),
            );
            names.extend(model.indexes.iter().map(|key| {
                // The name of an index that is not unique is its database name.
                let usual = key.name.clone().unwrap_or_else(|| constraint_names::index(table, &columns(key)));
                (key, named(key, usual))
            }));
            for (key, name) in names {
                if seen.insert((model.namespace.as_deref(), name.clone()), ()).is_some() {
                    found.push((key.at.clone(), format!("the constraint name \"{name}\" is used twice")));
                }
            }
            let mut client: HashSet<&str> = HashSet::new();
            for key in model.uniques.iter().chain(&model.primary_key) {
                if let Some(name) = key.name.as_deref().filter(|name| !client.insert(name)) {
                    found.push((
                        key.at.clone(),
                        format!("the name \"{name}\" is used twice in \"{}\"", model.name),
                    ));
                }
            }
        }
        for (at, message) in found {
            self.error(&at, message);
        }
    }
}

/// Why a value is none of the type's, if so.
fn misfit(value: &DefaultValue, ty: &FieldType) -> Option<String> {
    let FieldType::Scalar(scalar) = ty else { return None };
    let fits = match (value, scalar) {
        (DefaultValue::String(_), Scalar::String | Scalar::Json | Scalar::Bytes | Scalar::DateTime) => true,
        // Big numbers may be written as strings.
        (DefaultValue::String(text), Scalar::Decimal | Scalar::Float | Scalar::BigInt) => {
            text.parse::<f64>().is_ok()
        }
        (DefaultValue::Number(digits), Scalar::Int | Scalar::BigInt) => digits.parse::<i64>().is_ok(),
        (DefaultValue::Number(_), Scalar::Float | Scalar::Decimal) => true,
        (DefaultValue::Boolean(_), Scalar::Boolean) => true,
        (DefaultValue::Now, Scalar::DateTime) => true,
        (DefaultValue::Autoincrement, Scalar::Int | Scalar::BigInt) => true,
        (DefaultValue::DbGenerated(text), _) => {
            return (text.as_deref() == Some("")).then(|| "dbgenerated() takes no empty text".to_owned());
        }
        (DefaultValue::Client { function, arguments }, Scalar::String) => {
            let number = arguments.first().map(|text| text.parse::<u32>().ok());
            match (function.as_str(), number) {
                ("uuid", Some(version)) => matches!(version, Some(4 | 7)),
                ("nanoid", Some(length)) => length.is_some_and(|length| (2..=255).contains(&length)),
                ("cuid", Some(version)) => matches!(version, Some(1 | 2)),
                _ => true,
            }
        }
        _ => false,
    };
    (!fits).then(|| format!("the default is no value of the type {scalar:?}"))
}
