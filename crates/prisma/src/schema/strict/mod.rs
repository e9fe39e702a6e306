//! What Prisma 7.10 refuses besides what [`super::check`] finds: values that do not fit their fields, keys that may be
//! NULL, names that clash. Asked where a user wants to know whether Prisma would take a schema; a review of a repository
//! does not need it.

use std::collections::HashSet;
use std::sync::Arc;

use pgsteward_model::prisma::{
    Arity, At, DefaultValue, Field, FieldType, Model, ModelKey, NativeType, PrismaSchema, Scalar, SchemaError,
};
use pgsteward_model::source::SourceFile;

use super::ast::{Block, BlockKind};
use super::attributes::at;
use super::parser;
use values::misfit;

mod arguments;
mod configuration;
mod indexes;
mod names;
mod relations;
mod values;

/// All that is wrong with a schema, in the order of files and places. Empty: Prisma takes it, as far as is known here.
/// `major` is the release of Prisma that the project uses; where it is not known, what any release takes is taken.
pub fn validate(files: &[Arc<SourceFile>], major: Option<u32>) -> Vec<SchemaError> {
    let schema = super::parse(files);
    let mut strict = Strict { schema: &schema, files, errors: Vec::new() };
    strict.blocks(major);
    strict.generators();
    strict.datasource();
    for model in &schema.models {
        strict.model(model);
    }
    strict.enums();
    strict.whole();
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

    fn features(&self) -> HashSet<&str> {
        self.schema
            .generators
            .iter()
            .flat_map(|one| one.preview_features.iter().map(String::as_str))
            .collect()
    }

    /// What the blocks say, before anything of it has a meaning.
    fn blocks(&mut self, major: Option<u32>) {
        let features: HashSet<String> = self.features().into_iter().map(str::to_owned).collect();
        let features = features.iter().map(String::as_str).collect();
        for file in self.files {
            for block in &parser::parse_text(&file.text).blocks {
                let problems = match block.kind {
                    BlockKind::Datasource | BlockKind::Generator => {
                        configuration::problems(block, major, &features)
                    }
                    BlockKind::Type => Vec::new(),
                    _ => arguments::problems(block),
                };
                for (span, message) in problems {
                    self.error(&at(&file.path, span), message);
                }
                self.lines(file, block);
            }
        }
    }

    /// The first member of a block stands on a line of its own.
    fn lines(&mut self, file: &SourceFile, block: &Block) {
        let Some(first) = block.members.first() else { return };
        let head = file.text.get(block.span.start..first.span.start).unwrap_or_default();
        if !head.contains('\n') {
            self.error(&at(&file.path, first.span), "a member of a block needs a line of its own");
        }
    }

    fn generators(&mut self) {
        let mut seen = HashSet::new();
        for generator in &self.schema.generators {
            if !seen.insert(&generator.name) {
                self.error(&generator.at, format!("generator \"{}\" is defined twice", generator.name));
            }
        }
    }

    fn datasource(&mut self) {
        for composite in &self.schema.composites {
            self.error(&composite.at, "composite types are not supported on PostgreSQL");
        }
    }

    fn enums(&mut self) {
        let mut seen = HashSet::new();
        for one in &self.schema.enums {
            self.name(&one.name, &one.at, true);
            if one.values.is_empty() {
                self.error(&one.at, format!("enum \"{}\" has no value", one.name));
            }
            for value in &one.values {
                self.name(&value.name, &value.at, false);
            }
            if !seen.insert((&one.namespace, &one.db_name)) {
                self.error(&one.at, format!("two enums have the database name \"{}\"", one.db_name));
            }
            self.listed(one.namespace.as_deref(), &one.at, &format!("enum \"{}\"", one.name));
        }
    }

    /// What can be told from all models together.
    fn whole(&mut self) {
        for (at, message) in names::constraints(self.schema) {
            self.error(&at, message);
        }
        for (field, target) in relations::many_to_many_without_id(self.schema) {
            let message = format!("a list on both sides needs a \"{}\" with an id of one field", target.name);
            self.error(&field.at, message);
        }
    }

    fn name(&mut self, name: &str, at: &At, type_name: bool) {
        if let Some(problem) = names::problem(name, type_name) {
            self.error(at, problem);
        }
    }

    fn model(&mut self, model: &Model) {
        self.name(&model.name, &model.name_at, true);
        self.listed(model.namespace.as_deref(), &model.name_at, &format!("model \"{}\"", model.name));
        self.view(model);
        for (at, message) in names::client(model) {
            self.error(&at, message);
        }
        for field in &model.fields {
            self.name(&field.name, &field.name_at, false);
            self.field(field);
            for problem in relations::problems(self.schema, model, field) {
                let place = field.relation.as_ref().map_or(&field.at, |relation| &relation.at);
                self.error(place, problem);
            }
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

    fn listed(&mut self, namespace: Option<&str>, at: &At, who: &str) {
        let known = self.schema.datasource.as_ref().map_or([].as_slice(), |source| &source.schemas);
        let problem = match namespace {
            Some(name) if !known.iter().any(|one| one == name) => {
                format!("the schema \"{name}\" is not listed in the datasource")
            }
            None if !known.is_empty() => format!("{who} needs a @@schema attribute"),
            _ => return,
        };
        self.error(at, problem);
    }

    fn view(&mut self, model: &Model) {
        if !model.view {
            return;
        }
        if !self.features().contains("views") {
            self.error(&model.name_at, "views need \"views\" among the previewFeatures of a generator");
        }
        if let Some(key) = &model.primary_key {
            self.error(&key.at, format!("the view \"{}\" cannot have a primary key", model.name));
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
        if field.updated_at && field.arity == Arity::List {
            self.error(&field.at, format!("field \"{}\" has @updatedAt and is a list", field.name));
        }
        if field.updated_at && field.ty != FieldType::Scalar(Scalar::DateTime) {
            self.error(&field.at, format!("field \"{}\" has @updatedAt and is no DateTime", field.name));
        }
        if let Some(native) = &field.native
            && let Some(problem) = out_of_range(native)
        {
            self.error(&native.at, problem);
        }
        let Some(default) = &field.default else { return };
        let values = match (&default.value, field.arity) {
            (DefaultValue::List(values), Arity::List) => values.as_slice(),
            (DefaultValue::List(_), _) => {
                self.error(&default.at, "the default of a single value is a list");
                return;
            }
            (DefaultValue::DbGenerated(_) | DefaultValue::Autoincrement, _) => {
                std::slice::from_ref(&default.value)
            }
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
        if key.predicate.is_some() && !self.features().contains("partialIndexes") {
            self.error(
                &key.at,
                "partial indexes need \"partialIndexes\" among the previewFeatures of a generator",
            );
        }
        if !model.indexes.iter().any(|one| std::ptr::eq(one, key)) {
            let xml = |field: &&Field| field.native.as_ref().is_some_and(|native| native.name == "Xml");
            let unique = model.uniques.iter().any(|one| std::ptr::eq(one, key));
            let fields = key.fields.iter().filter(|_| unique).filter_map(|part| model.field(&part.field));
            if let Some(field) = fields.into_iter().find(xml) {
                self.error(&key.at, format!("\"{}\" is XML, which cannot be compared", field.name));
            }
            return;
        }
        for part in &key.fields {
            let problem = model.field(&part.field).and_then(|field| indexes::problem(key, part, field));
            if let Some(problem) = problem {
                self.error(&key.at, problem);
            }
        }
    }
}

/// What is wrong with the numbers of a native type.
fn out_of_range(native: &NativeType) -> Option<String> {
    let numbers: Vec<u32> = native.arguments.iter().filter_map(|one| one.parse().ok()).collect();
    match (native.name.as_str(), numbers.as_slice()) {
        ("Decimal", [_]) => Some("Decimal takes a precision and a scale, or neither".to_owned()),
        ("Decimal", [precision, scale]) if scale > precision => {
            Some("the scale is larger than the precision".to_owned())
        }
        ("Decimal", [0 | 1001.., _]) => Some("the precision goes from 1 to 1000".to_owned()),
        ("Timestamp" | "Timestamptz" | "Time" | "Timetz", [digits]) if *digits > 6 => {
            Some("a time has 0 to 6 digits after the second".to_owned())
        }
        _ => None,
    }
}
