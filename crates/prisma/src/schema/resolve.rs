//! The trees of all files to one [`PrismaSchema`]: blocks by kind, field types by name, attributes by
//! meaning. Errors are collected and never stop anything.

use std::collections::HashMap;
use std::sync::Arc;

use pgsteward_model::prisma::{
    Arity, At, CompositeBlock, Datasource, EnumValue, ExtensionOptions, Field, FieldType, Generator, Model,
    NativeType, PrismaEnum, PrismaSchema, Scalar, SchemaError, Secret, UrlValue,
};
use pgsteward_model::source::SourceFile;

use super::ast::{Block, BlockKind, Document, Expr, ExprKind, Member, TypeExpr};
use super::attributes::{self, Problem, at};
use super::native_types;

pub(super) fn resolve(documents: &[(Arc<SourceFile>, Document)]) -> PrismaSchema {
    let mut schema = PrismaSchema {
        files: documents.iter().map(|(file, _)| file.path.clone()).collect(),
        ..PrismaSchema::default()
    };
    for (file, document) in documents {
        let errors = document
            .errors
            .iter()
            .map(|error| SchemaError { at: at(&file.path, error.span), message: error.message.clone() });
        schema.errors.extend(errors);
    }
    let mut reader = Reader { schema, kinds: HashMap::new(), source: "db".into(), postgres: true };
    // The datasource's name and the kinds of all names are needed before any field can be read.
    for (file, document) in documents {
        for block in &document.blocks {
            reader.register(&file.path, block);
        }
    }
    for (file, document) in documents {
        for block in &document.blocks {
            reader.block(&file.path, block);
        }
    }
    reader.schema
}

struct Reader<'a> {
    schema: PrismaSchema,
    /// What each name of a model, view, enum or type block is.
    kinds: HashMap<&'a str, BlockKind>,
    /// Name of the datasource: the prefix of native types.
    source: String,
    /// True unless the datasource names another database: then its native types are unknown here.
    postgres: bool,
}

impl<'a> Reader<'a> {
    fn error(&mut self, at: At, message: impl Into<String>) {
        self.schema.errors.push(SchemaError { at, message: message.into() });
    }

    fn problems(&mut self, file: &Arc<str>, problems: Vec<Problem>) {
        for (span, message) in problems {
            self.error(at(file, span), message);
        }
    }

    fn register(&mut self, file: &Arc<str>, block: &'a Block) {
        match block.kind {
            BlockKind::Datasource => {
                let source = datasource(file, block);
                let provider = source.provider.as_deref().unwrap_or("postgresql");
                self.postgres = matches!(provider, "postgresql" | "postgres");
                self.source.clone_from(&source.name);
                if self.schema.datasource.is_some() {
                    self.error(at(file, block.name.span), "a schema has one datasource only");
                } else {
                    self.schema.datasource = Some(source);
                }
            }
            BlockKind::Generator => {
                let generator = generator(file, block);
                self.schema.generators.push(generator);
            }
            kind => {
                let name = block.name.text.as_str();
                if scalar(name).is_some() || name == "Unsupported" {
                    self.error(at(file, block.name.span), format!("\"{name}\" is the name of a scalar type"));
                } else if self.kinds.insert(name, kind).is_some() {
                    self.error(at(file, block.name.span), format!("\"{name}\" is defined twice"));
                }
            }
        }
    }

    fn block(&mut self, file: &Arc<str>, block: &Block) {
        match block.kind {
            BlockKind::Datasource | BlockKind::Generator => {}
            BlockKind::Model | BlockKind::View => {
                let model = self.model(file, block);
                self.schema.models.push(model);
            }
            BlockKind::Enum => {
                let value = self.enumeration(file, block);
                self.schema.enums.push(value);
            }
            BlockKind::Type => {
                let fields = self.fields(file, block, None);
                for attribute in &block.attributes {
                    let message = format!("unknown attribute \"@@{}\" on a type", attribute.name.text);
                    self.error(at(file, attribute.span), message);
                }
                let composite =
                    CompositeBlock { name: block.name.text.clone(), at: at(file, block.span), fields };
                self.schema.composites.push(composite);
            }
        }
    }

    fn model(&mut self, file: &Arc<str>, block: &Block) -> Model {
        let name = block.name.text.clone();
        let mut model = Model {
            db_name: name.clone(),
            name,
            name_at: at(file, block.name.span),
            at: at(file, block.span),
            view: block.kind == BlockKind::View,
            namespace: None,
            fields: Vec::new(),
            primary_key: None,
            uniques: Vec::new(),
            indexes: Vec::new(),
            ignored: false,
            documentation: block.documentation.clone(),
        };
        model.fields = self.fields(file, block, Some(&mut model));
        let mut problems = Vec::new();
        for attribute in &block.attributes {
            match attribute.name.text.as_str() {
                "id" => {
                    let key = attributes::block_key(file, attribute, &mut problems);
                    if model.primary_key.is_some() {
                        problems.push((attribute.span, "a model has one primary key only".into()));
                    } else {
                        model.primary_key = Some(key);
                    }
                }
                "unique" => model.uniques.push(attributes::block_key(file, attribute, &mut problems)),
                "index" | "fulltext" => {
                    model.indexes.push(attributes::block_key(file, attribute, &mut problems));
                }
                "map" => {
                    if let Some(text) = attributes::string_argument(attribute, "name", &mut problems) {
                        model.db_name = text;
                    }
                }
                "schema" => {
                    model.namespace = attributes::string_argument(attribute, "map", &mut problems);
                }
                "ignore" => model.ignored = true,
                // The shard key of PlanetScale changes nothing here.
                "shardKey" => {}
                other => {
                    problems.push((attribute.span, format!("unknown attribute \"@@{other}\" on a model")));
                }
            }
        }
        self.problems(file, problems);
        model
    }

    /// The fields of a model, view or type. Keys that stand on fields go to `model`; a type has none.
    fn fields(&mut self, file: &Arc<str>, block: &Block, mut model: Option<&mut Model>) -> Vec<Field> {
        let mut fields: Vec<Field> = Vec::with_capacity(block.members.len());
        let mut seen = HashMap::with_capacity(block.members.len());
        for member in &block.members {
            if seen.insert(member.name.text.as_str(), ()).is_some() {
                let message =
                    format!("field \"{}\" is defined twice on \"{}\"", member.name.text, block.name.text);
                self.error(at(file, member.name.span), message);
                continue;
            }
            // A field without a type was reported by the parser; there is nothing to keep of it.
            if let Some(ty) = &member.ty {
                fields.push(self.field(file, member, ty, model.as_deref_mut()));
            }
        }
        fields
    }

    fn field(
        &mut self,
        file: &Arc<str>,
        member: &Member,
        ty: &TypeExpr,
        mut model: Option<&mut Model>,
    ) -> Field {
        let mut problems = Vec::new();
        let name = member.name.text.clone();
        let field_type = self.field_type(ty);
        if let FieldType::Unknown(unknown) = &field_type {
            problems.push((ty.span, format!("unknown type \"{unknown}\"")));
        }
        let arity = match (ty.list, ty.optional) {
            (true, _) => Arity::List,
            (false, true) => Arity::Optional,
            (false, false) => Arity::Required,
        };
        let mut field = Field {
            db_name: name.clone(),
            name,
            name_at: at(file, member.name.span),
            at: at(file, member.span),
            ty: field_type,
            type_at: at(file, ty.span),
            arity,
            default: None,
            updated_at: false,
            is_id: false,
            is_unique: false,
            ignored: false,
            native: None,
            relation: None,
            documentation: member.documentation.clone(),
        };
        for attribute in &member.attributes {
            match attribute.name.text.as_str() {
                "id" => {
                    field.is_id = true;
                    let key = attributes::field_key(file, &field.name, attribute, &mut problems);
                    match &mut model {
                        Some(model) if model.primary_key.is_none() => model.primary_key = Some(key),
                        Some(_) => {
                            problems.push((attribute.span, "a model has one primary key only".into()));
                        }
                        None => problems.push((attribute.span, "a type has no primary key".into())),
                    }
                }
                "unique" => {
                    field.is_unique = true;
                    let key = attributes::field_key(file, &field.name, attribute, &mut problems);
                    match &mut model {
                        Some(model) => model.uniques.push(key),
                        None => problems.push((attribute.span, "a type has no unique keys".into())),
                    }
                }
                "default" => {
                    field.default = attributes::default(file, attribute, &field.ty, &mut problems);
                }
                "updatedAt" => field.updated_at = true,
                "ignore" => field.ignored = true,
                "map" => {
                    if let Some(text) = attributes::string_argument(attribute, "name", &mut problems) {
                        field.db_name = text;
                    }
                }
                "relation" => {
                    if matches!(field.ty, FieldType::Model(_) | FieldType::Unknown(_)) {
                        field.relation = Some(attributes::relation(file, attribute));
                    } else {
                        let message = format!("field \"{}\" is no relation", field.name);
                        problems.push((attribute.span, message));
                    }
                }
                "shardKey" => {}
                other => match attributes::native_type(file, &self.source, attribute) {
                    Some(native) => {
                        self.check_native(&native, &field.ty, &mut problems);
                        field.native = Some(native);
                    }
                    None => problems.push((attribute.span, format!("unknown attribute \"@{other}\""))),
                },
            }
        }
        self.problems(file, problems);
        field
    }

    fn check_native(&self, native: &NativeType, ty: &FieldType, problems: &mut Vec<Problem>) {
        let scalar = match ty {
            FieldType::Scalar(scalar) => Some(*scalar),
            FieldType::Unknown(_) => return,
            _ => None,
        };
        if !self.postgres {
            return;
        }
        if let Some(problem) = native_types::problem(native, scalar) {
            problems.push((native.at.span, problem));
        }
    }

    fn field_type(&self, ty: &TypeExpr) -> FieldType {
        if let Some(text) = &ty.unsupported {
            return FieldType::Unsupported(text.clone());
        }
        if let Some(scalar) = scalar(&ty.name) {
            return FieldType::Scalar(scalar);
        }
        let name = ty.name.clone();
        match self.kinds.get(ty.name.as_str()) {
            Some(BlockKind::Model | BlockKind::View) => FieldType::Model(name),
            Some(BlockKind::Enum) => FieldType::Enum(name),
            Some(BlockKind::Type) => FieldType::Composite(name),
            _ => FieldType::Unknown(name),
        }
    }

    fn enumeration(&mut self, file: &Arc<str>, block: &Block) -> PrismaEnum {
        let mut problems = Vec::new();
        let mut result = PrismaEnum {
            name: block.name.text.clone(),
            at: at(file, block.span),
            db_name: block.name.text.clone(),
            namespace: None,
            values: Vec::with_capacity(block.members.len()),
            documentation: block.documentation.clone(),
        };
        for member in &block.members {
            let mut value = EnumValue {
                name: member.name.text.clone(),
                db_name: member.name.text.clone(),
                at: at(file, member.span),
            };
            for attribute in &member.attributes {
                if attribute.name.text != "map" {
                    let message = format!("unknown attribute \"@{}\" on an enum value", attribute.name.text);
                    problems.push((attribute.span, message));
                } else if let Some(text) = attributes::string_argument(attribute, "name", &mut problems) {
                    value.db_name = text;
                }
            }
            result.values.push(value);
        }
        let mut seen = HashMap::with_capacity(result.values.len());
        for value in &result.values {
            if seen.insert(value.name.as_str(), ()).is_some() {
                let message = format!("value \"{}\" is defined twice on \"{}\"", value.name, result.name);
                problems.push((value.at.span, message));
            }
        }
        for attribute in &block.attributes {
            match attribute.name.text.as_str() {
                "map" => {
                    if let Some(text) = attributes::string_argument(attribute, "name", &mut problems) {
                        result.db_name = text;
                    }
                }
                "schema" => {
                    result.namespace = attributes::string_argument(attribute, "map", &mut problems);
                }
                other => {
                    problems.push((attribute.span, format!("unknown attribute \"@@{other}\" on an enum")));
                }
            }
        }
        self.problems(file, problems);
        result
    }
}

pub(crate) fn scalar(name: &str) -> Option<Scalar> {
    Some(match name {
        "String" => Scalar::String,
        "Boolean" => Scalar::Boolean,
        "Int" => Scalar::Int,
        "BigInt" => Scalar::BigInt,
        "Float" => Scalar::Float,
        "Decimal" => Scalar::Decimal,
        "DateTime" => Scalar::DateTime,
        "Json" => Scalar::Json,
        "Bytes" => Scalar::Bytes,
        _ => return None,
    })
}

fn entry<'b>(block: &'b Block, key: &str) -> Option<&'b Expr> {
    block.entries.iter().find(|entry| entry.key.text == key).map(|entry| &entry.value)
}

fn strings(value: Option<&Expr>) -> Vec<String> {
    value
        .map(Expr::elements)
        .unwrap_or_default()
        .iter()
        .filter_map(Expr::as_string)
        .map(str::to_owned)
        .collect()
}

fn datasource(file: &Arc<str>, block: &Block) -> Datasource {
    let string = |key: &str| entry(block, key).and_then(Expr::as_string).map(str::to_owned);
    let url = |key: &str| entry(block, key).and_then(|value| url_value(file, value));
    let extensions = entry(block, "extensions").map(Expr::elements).unwrap_or_default();
    Datasource {
        name: block.name.text.clone(),
        at: at(file, block.span),
        // An array of providers is the form of Prisma 1 and 2.
        provider: strings(entry(block, "provider")).into_iter().next(),
        url: url("url"),
        direct_url: url("directUrl"),
        shadow_database_url: url("shadowDatabaseUrl"),
        relation_mode: string("relationMode").or_else(|| string("referentialIntegrity")),
        schemas: strings(entry(block, "schemas")),
        extensions: extensions.iter().filter_map(extension).collect(),
        extension_options: extensions.iter().filter_map(extension_options).collect(),
    }
}

/// `pgcrypto` or `uuid_ossp(map: "uuid-ossp", schema: "extensions")`: the database's name.
fn extension(value: &Expr) -> Option<String> {
    match &value.kind {
        ExprKind::Word(name) => Some(name.clone()),
        ExprKind::Call { name, arguments } => {
            let map = super::ast::named_argument(arguments, "map", false).and_then(Expr::as_string);
            Some(map.unwrap_or(name).to_owned())
        }
        _ => None,
    }
}

/// Of an extension that is more than a name.
fn extension_options(value: &Expr) -> Option<ExtensionOptions> {
    let ExprKind::Call { arguments, .. } = &value.kind else { return None };
    let string = |name: &str| super::ast::named_argument(arguments, name, false).and_then(Expr::as_string);
    let own = |name: &str| string(name).map(str::to_owned);
    Some(ExtensionOptions { name: extension(value)?, namespace: own("schema"), version: own("version") })
}

fn url_value(file: &Arc<str>, value: &Expr) -> Option<UrlValue> {
    let at = at(file, value.span);
    match &value.kind {
        ExprKind::String(text) => Some(UrlValue::Literal { text: Secret::new(text), at }),
        ExprKind::Call { name, arguments } if name == "env" => {
            let name = arguments.first()?.value.as_string()?.to_owned();
            Some(UrlValue::Env { name, at })
        }
        _ => None,
    }
}

fn generator(file: &Arc<str>, block: &Block) -> Generator {
    let string = |key: &str| entry(block, key).and_then(Expr::as_string).map(str::to_owned);
    Generator {
        name: block.name.text.clone(),
        at: at(file, block.span),
        provider: string("provider"),
        preview_features: strings(entry(block, "previewFeatures")),
        output: string("output"),
    }
}
