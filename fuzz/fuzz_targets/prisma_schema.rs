//! Prisma schema text: reading it, editing it and the SQL it stands for. What is promised for every text:
//!
//! - nothing panics, whether the text is one file or two;
//! - every place lies inside its file, on character boundaries;
//! - an edit gives replacements that fit the file, and what is only added takes nothing but blanks away;
//! - in a schema without errors an edit changes the meaning that was asked for and no other.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::{Corpus, fuzz_target};
use pgsteward_model::catalog::Catalog;
use pgsteward_model::change::{EditAction, FileEdit, PrismaEdit, TextEdit};
use pgsteward_model::prisma::{At, Field, FieldType, KeyField, Model, PrismaSchema, UrlValue};
use pgsteward_model::source::{SourceFile, Sources};
use pgsteward_model::version::ServerVersion;
use pgsteward_prisma::{calculate, diff, drift, edit, parse, render};

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else { return Corpus::Reject };
    let one = read(&[("schema.prisma", text)]);
    places(&one);
    edits(&one);
    sql(&one.schema);

    // The same text as two files, cut at the line in its middle.
    let middle = text.bytes().take(text.len() / 2).rposition(|byte| byte == b'\n').map_or(0, |at| at + 1);
    let two = read(&[("a.prisma", &text[..middle]), ("b.prisma", &text[middle..])]);
    places(&two);
    edits(&two);
    Corpus::Keep
});

struct Read {
    schema: PrismaSchema,
    sources: Sources,
}

fn read(files: &[(&str, &str)]) -> Read {
    let mut sources = Sources::default();
    let files: Vec<Arc<SourceFile>> =
        files.iter().map(|(path, text)| sources.add(SourceFile::new(*path, *text))).collect();
    Read { schema: parse(&files), sources }
}

fn places(read: &Read) {
    let place = |at: &At| {
        let file = read.sources.get(&at.file).expect("a place names a file that was read");
        let slice = file.text.get(at.span.start..at.span.end);
        assert!(slice.is_some(), "{:?} does not fit {}", at.span, at.file);
    };
    let schema = &read.schema;
    schema.errors.iter().for_each(|error| place(&error.at));
    schema.generators.iter().for_each(|generator| place(&generator.at));
    if let Some(source) = &schema.datasource {
        place(&source.at);
        for url in [&source.url, &source.direct_url, &source.shadow_database_url].into_iter().flatten() {
            match url {
                UrlValue::Env { at, .. } | UrlValue::Literal { at, .. } => place(at),
            }
        }
    }
    let field = |field: &Field| {
        [&field.at, &field.name_at, &field.type_at].into_iter().for_each(place);
        field.default.iter().for_each(|default| place(&default.at));
        field.native.iter().for_each(|native| place(&native.at));
        field.relation.iter().for_each(|relation| place(&relation.at));
    };
    for model in &schema.models {
        place(&model.at);
        place(&model.name_at);
        model.fields.iter().for_each(field);
        let keys = model.primary_key.iter().chain(&model.uniques).chain(&model.indexes);
        keys.for_each(|key| place(&key.at));
    }
    for block in &schema.enums {
        place(&block.at);
        block.values.iter().for_each(|value| place(&value.at));
    }
    for block in &schema.composites {
        place(&block.at);
        block.fields.iter().for_each(field);
    }
}

/// Edits every field of a short schema, and one of a long one: the length picks which.
fn edits(read: &Read) {
    let length: usize = read.sources.files.values().map(|file| file.text.len()).sum();
    let models = read.schema.models.iter();
    let all: Vec<(&Model, &Field)> =
        models.flat_map(|model| model.fields.iter().map(move |field| (model, field))).collect();
    if length <= 300 {
        all.iter().for_each(|(model, field)| edit_field(read, model, field));
    } else if let Some((model, field)) = all.get(length % all.len().max(1)) {
        edit_field(read, model, field);
    }
}

fn edit_field(read: &Read, model: &Model, field: &Field) {
    let schema = &read.schema;
    let (model_name, field_name) = (model.name.clone(), field.name.clone());
    let add_block = PrismaEdit::AddBlockAttribute {
        model: model_name.clone(),
        attribute: format!("@@index([{field_name}], map: \"fuzz_idx\")"),
    };
    let add_attribute = PrismaEdit::AddFieldAttribute {
        model: model_name.clone(),
        field: field_name.clone(),
        attribute: "@map(\"fuzz\")".into(),
    };
    let set_attribute = PrismaEdit::SetFieldAttribute {
        model: model_name.clone(),
        field: field_name.clone(),
        attribute: "@default(dbgenerated(\"fuzz()\"))".into(),
    };
    let set_type =
        PrismaEdit::SetFieldType { model: model_name.clone(), field: field_name.clone(), ty: "Fuzz?".into() };
    let add_field =
        PrismaEdit::AddField { model: model_name.clone(), line: "fuzzed_at DateTime? @db.Date".into() };
    let remove = PrismaEdit::Remove { file: field.at.file.clone(), span: field.at.span };

    let clean = schema.errors.is_empty();
    let after = |edit: &PrismaEdit| -> Option<PrismaSchema> {
        let file = edit::apply(schema, &read.sources, edit).ok()?;
        let only_adds = matches!(
            edit,
            PrismaEdit::AddBlockAttribute { .. }
                | PrismaEdit::AddFieldAttribute { .. }
                | PrismaEdit::AddField { .. }
        );
        let schema = edited(read, &[file], only_adds);
        clean.then_some(schema)
    };

    if let Some(now) = after(&add_block) {
        let found = now.model(&model_name).map(|model| model.indexes.len());
        assert_eq!(found, Some(model.indexes.len() + 1), "the block attribute is there");
        assert_eq!(meaning(&now, None), meaning(schema, None), "and nothing else");
    }
    let this = Some((model_name.as_str(), field_name.as_str()));
    if let Some(now) = after(&add_attribute) {
        assert_eq!(find(&now, &model_name, &field_name).db_name, "fuzz", "the field attribute is there");
        assert_eq!(meaning(&now, this), meaning(schema, this), "and nothing else");
    }
    if let Some(now) = after(&set_attribute) {
        let default = &find(&now, &model_name, &field_name).default;
        assert!(format!("{default:?}").contains("fuzz()"), "the field attribute is set: {default:?}");
        assert_eq!(meaning(&now, this), meaning(schema, this), "and nothing else");
    }
    if let Some(now) = after(&set_type) {
        let ty = &find(&now, &model_name, &field_name).ty;
        assert!(!matches!(ty, FieldType::Scalar(_)), "the type is set: {ty:?}");
        assert_eq!(meaning(&now, this), meaning(schema, this), "and nothing else");
    }
    let added = Some((model_name.as_str(), "fuzzed_at"));
    if model.field("fuzzed_at").is_none()
        && let Some(now) = after(&add_field)
    {
        find(&now, &model_name, "fuzzed_at");
        assert_eq!(meaning(&now, added), meaning(schema, added), "the field and nothing else");
    }
    if let Some(now) = after(&remove) {
        // A comment that stood above the field and is parted from it may fall to the next one.
        let undocumented = |schema: &PrismaSchema| meaning(&without_documentation(schema), this);
        assert_eq!(undocumented(&now), undocumented(schema), "the field is gone and nothing else");
        let left = now.model(&model_name).and_then(|model| model.field(&field_name));
        assert!(left.is_none(), "the field is gone");
    }
    let all = [set_attribute, add_attribute, add_field, set_type, add_block, remove];
    if let Ok(files) = edit::apply_all(schema, &read.sources, &all) {
        edited(read, &files, false);
    }
}

/// The schema with the edits made. `only_adds`: whatever goes for them must be blanks.
fn edited(read: &Read, files: &[FileEdit], only_adds: bool) -> PrismaSchema {
    let mut sources = read.sources.clone();
    for file in files {
        let EditAction::Replace(edits) = &file.action else { panic!("an edit replaces text") };
        let old = read.sources.get(&file.file).expect("an edit names a file that was read");
        for edit in edits {
            let gone = old.text.get(edit.span.start..edit.span.end).expect("an edit fits its file");
            assert!(!only_adds || gone.trim().is_empty(), "{gone:?} was taken away");
        }
        let new = TextEdit::apply_all(&old.text, edits).expect("edits are sorted and do not overlap");
        sources.add(SourceFile::new(file.file.clone(), new));
    }
    let files: Vec<Arc<SourceFile>> =
        read.schema.files.iter().filter_map(|path| sources.get(path).cloned()).collect();
    parse(&files)
}

fn find<'a>(schema: &'a PrismaSchema, model: &str, field: &str) -> &'a Field {
    schema.model(model).and_then(|model| model.field(field)).expect("the edited field is there")
}

fn without_documentation(schema: &PrismaSchema) -> PrismaSchema {
    let mut schema = schema.clone();
    for model in &mut schema.models {
        model.fields.iter_mut().for_each(|field| field.documentation = None);
    }
    schema
}

/// What a schema says of its fields, without places; one field may be left out.
fn meaning(schema: &PrismaSchema, without: Option<(&str, &str)>) -> String {
    let mut out = String::new();
    for model in &schema.models {
        out += &format!("{} {} {:?}\n", model.name, model.db_name, model.namespace);
        for key in &model.uniques {
            let left_out = |field: &KeyField| without == Some((&model.name, &field.field));
            if !key.fields.iter().any(left_out) {
                out += &format!("  {:?} {:?}\n", key.fields, key.map);
            }
        }
        for field in &model.fields {
            if without != Some((&model.name, &field.name)) {
                let default = field.default.as_ref().map(|default| &default.value);
                let native = field.native.as_ref().map(|native| (&native.name, &native.arguments));
                out += &format!("  {} {} {:?}", field.name, field.db_name, field.arity);
                out += &format!(" {default:?} {native:?} {:?}\n", field.documentation);
            }
        }
    }
    for block in &schema.enums {
        let values: Vec<&str> = block.values.iter().map(|value| value.name.as_str()).collect();
        out += &format!("{} {} {values:?}\n", block.name, block.db_name);
    }
    out
}

/// The catalog, the differences to an empty one and to itself, and the SQL.
fn sql(schema: &PrismaSchema) {
    let version = ServerVersion::of_major(17);
    let catalog = calculate(schema, version);
    let options = diff::DiffOptions::default();
    let empty = Catalog::empty(version);
    render::render(&diff::diff(&empty, &catalog, &options));
    render::render(&diff::diff(&catalog, &empty, &options));
    drift(&empty, schema);
}
