//! A catalog to schema text, as `prisma db pull` writes it, keeping of the schema before what the database cannot say:
//! names of models, fields, relations and compound keys, documentation, order, what the client computes.
//!
//! `database` sees the catalog with Prisma's eyes, `relations` names what foreign keys mean, `matching` finds what each
//! object was called before, `models`, `views`, `enums` and `configuration` write the blocks, `warnings` collects what
//! Prisma would warn of. The formatter has the last word. What Prisma cannot carry at all is not this module's business.
//!
//! Source of the rules: Prisma 7.10's schema engine, its texts and what it was seen to do (`bench/conformance.py`).

use std::sync::Arc;

use pgsteward_model::catalog::{Catalog, Table};
use pgsteward_model::source::SourceFile;

mod carried;
mod configuration;
mod database;
mod defaults;
mod enums;
mod fields;
mod matching;
mod models;
mod names;
mod previous;
mod relation_fields;
mod relations;
mod text;
mod types;
mod views;
mod warnings;

pub use carried::{carried, within};
pub(crate) use names::is_reserved;

use database::Database;
use matching::Matching;
use models::{Context, ModelWriter};
use previous::Previous;
use relations::{Relations, Side};
use warnings::{Warning, Warnings};

/// What is to be introspected, and how.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The files of the schema as they are; at least one, with the datasource.
    pub files: &'a [Arc<SourceFile>],
    /// Keep the configuration only and forget models and enums (`--force`).
    pub force: bool,
    /// Namespaces named on the command line (`--schemas`). Else those of the datasource, else `search_path`.
    pub namespaces: Option<&'a [String]>,
    /// The namespace that the connection's URL names; `public` where it names none.
    pub search_path: &'a str,
    /// Where new blocks go if the schema has several files.
    pub new_file: &'a str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The files, in the order of the request, then perhaps the new one.
    pub files: Vec<(Arc<str>, String)>,
    pub views: Vec<ViewDefinition>,
    /// Prisma's text, beginning with its heading.
    pub warnings: Option<String>,
    pub models: usize,
    pub enums: usize,
}

/// The statement behind a view of the schema (preview feature `views`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewDefinition {
    pub namespace: String,
    /// The block's name.
    pub name: String,
    /// As the server prints it.
    pub definition: String,
}

/// Why there is no schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntrospectError {
    /// No table, no enum and no view in the namespaces (P4001).
    Empty,
    /// A foreign key leaves the namespaces (P4002).
    CrossReference { from: String, to: String, constraint: String, namespace: String },
}

pub fn introspect(catalog: &Catalog, request: &Request<'_>) -> Result<Pulled, IntrospectError> {
    let previous = Previous::new(request.files, request.force);
    let source = previous.schema.datasource.as_ref();
    let configured = source.map(|source| source.schemas.clone()).filter(|names| !names.is_empty());
    let explicit = request.namespaces.map(<[String]>::to_vec).or(configured);
    let namespaces = explicit.is_some();
    let asked = explicit.unwrap_or_else(|| vec![request.search_path.to_owned()]);
    let database = database::read(catalog, &asked, request.search_path).map_err(|cross| {
        IntrospectError::CrossReference {
            from: cross.from,
            to: cross.to,
            constraint: cross.constraint,
            namespace: cross.namespace,
        }
    })?;
    let relations = relations::read(&database);
    let with_views = previous
        .schema
        .generators
        .iter()
        .any(|generator| generator.preview_features.iter().any(|feature| feature == "views"));
    let matching = Matching::new(&database, &previous, &relations.joins, with_views);
    let context = Context {
        matching: &matching,
        relations: &relations,
        source: source.map_or("db", |source| source.name.as_str()),
        namespaces,
        foreign_keys: !previous.schema.relation_mode_prisma(),
    };
    write(catalog, request, &previous, &context, with_views)
}

fn write(
    catalog: &Catalog,
    request: &Request<'_>,
    previous: &Previous,
    context: &Context<'_>,
    with_views: bool,
) -> Result<Pulled, IntrospectError> {
    let database = context.matching.database;
    let mut files = Files::new(request);
    let mut models = Blocks::default();
    let mut enums = Blocks::default();
    let mut views = Blocks::default();
    let mut definitions = Vec::new();
    for at in 0..database.enums.len() {
        let place = context.matching.enums[at].map(|old| old.position);
        enums.push(place, enums::render(context.matching, at, context.namespaces));
    }
    let shown = |at: &usize| {
        let name = database.tables[*at].name;
        !context.relations.joins.contains(at) && !catalog.table(name).is_some_and(is_own_table)
    };
    let writers: Vec<ModelWriter<'_>> =
        (0..database.tables.len()).filter(shown).map(|at| ModelWriter::new(context, at)).collect();
    for writer in &writers {
        models.push(writer.old.map(|old| old.position), writer.render());
    }
    for at in (0..database.views.len()).filter(|at| with_views && !database.views[*at].columns.is_empty()) {
        let view = &database.views[at];
        definitions.push(ViewDefinition {
            namespace: if context.namespaces {
                view.name.namespace.clone()
            } else {
                request.search_path.into()
            },
            name: context.matching.view_name(at).name,
            definition: database::unqualified(view.definition, request.search_path),
        });
        views.push(context.matching.views[at].map(|old| old.position), views::render(context, at));
    }
    if models.list.is_empty() && enums.list.is_empty() && views.list.is_empty() {
        return Err(IntrospectError::Empty);
    }
    let partial = writers.iter().any(|writer| writer.table.indexes.iter().any(|one| one.predicate.is_some()));
    for (file, text) in configuration::render(previous, request.namespaces, partial) {
        files.push(Some(file), &text);
    }
    let counts = (models.list.len(), enums.list.len());
    for blocks in [models, views, enums] {
        for (place, text) in blocks.sorted() {
            files.push(place.map(|(file, _)| file), &text);
        }
    }
    let mut found = Warnings::default();
    warn(context, &writers, with_views, &mut found);
    Ok(Pulled {
        files: files.formatted(),
        views: definitions,
        warnings: found.render(),
        models: counts.0,
        enums: counts.1,
    })
}

/// Blocks with the places they had; those that had one keep their order, new ones follow.
#[derive(Default)]
struct Blocks {
    list: Vec<(Option<previous::Position>, String)>,
}

impl Blocks {
    fn push(&mut self, place: Option<previous::Position>, text: String) {
        self.list.push((place, text));
    }

    fn sorted(mut self) -> Vec<(Option<previous::Position>, String)> {
        self.list.sort_by_key(|(place, _)| place.unwrap_or((usize::MAX, 0)));
        self.list
    }
}

struct Files {
    texts: Vec<(Arc<str>, String)>,
    /// The number of the file for new blocks.
    new: usize,
}

impl Files {
    fn new(request: &Request<'_>) -> Files {
        let mut texts: Vec<(Arc<str>, String)> =
            request.files.iter().map(|file| (file.path.clone(), String::new())).collect();
        let new = if texts.len() == 1 {
            0
        } else {
            let known = texts.iter().position(|(path, _)| &**path == request.new_file);
            known.unwrap_or_else(|| {
                texts.push((request.new_file.into(), String::new()));
                texts.len() - 1
            })
        };
        Files { texts, new }
    }

    fn push(&mut self, file: Option<usize>, text: &str) {
        if let Some((_, out)) = self.texts.get_mut(file.unwrap_or(self.new)) {
            out.push_str(text);
            out.push('\n');
        }
    }

    /// A new file only where something is in it.
    fn formatted(self) -> Vec<(Arc<str>, String)> {
        let last = self.texts.len() - 1;
        let new = self.new;
        let kept = self.texts.into_iter().enumerate();
        kept.filter(|(at, (_, text))| *at != last || *at != new || *at == 0 || !text.is_empty())
            .map(|(_, (path, text))| (path, crate::format::reformat(&text)))
            .collect()
    }
}

fn warn(context: &Context<'_>, writers: &[ModelWriter<'_>], with_views: bool, found: &mut Warnings) {
    let matching = context.matching;
    let database: &Database<'_> = matching.database;
    for at in 0..database.enums.len() {
        enums::warn(matching, at, found);
    }
    for writer in writers {
        writer.warn(found);
    }
    broken_relations(context, context.relations, found);
    for at in (0..database.views.len()).filter(|_| with_views) {
        views::warn(context, at, found);
    }
    for (at, table) in database.tables.iter().enumerate() {
        let model = matching.table_name(at).name;
        for index in &table.indexes {
            for column in index.columns.iter().filter(|column| column.odd_nulls) {
                let column = table.columns[column.column].name;
                found.add(Warning::NullOrder, format!("Index: \"{}\", column: \"{column}\"", index.name));
            }
        }
        let indexes = table.indexes.iter().filter(|index| index.deferrable).map(|index| index.name);
        let keys = table.foreign_keys.iter().filter(|key| key.deferrable).map(|key| key.name);
        for constraint in indexes.chain(keys) {
            found.add(Warning::Deferrable, format!("Model: \"{model}\", constraint: \"{constraint}\""));
        }
        for constraint in &table.exclusions {
            found.add(
                Warning::ExclusionConstraints,
                format!("Model: \"{model}\", constraint: \"{constraint}\""),
            );
        }
    }
}

/// Many-to-many relations whose models were renamed so that the other one now comes first.
fn broken_relations(context: &Context<'_>, relations: &Relations, found: &mut Warnings) {
    for (_, key, side) in &relations.many_fields {
        let target = context.matching.database.tables[key.0].foreign_keys[key.1].references;
        let Some(model) = context.matching.tables[target] else { continue };
        let Some(old) = relation_fields::old_many(context, key.0) else { continue };
        let expected = if *side == Side::Back { &old.a } else { &old.b };
        if model.model.name != *expected {
            let place = |name: &str| {
                context
                    .matching
                    .tables
                    .iter()
                    .flatten()
                    .find(|one| one.model.name == name)
                    .map(|one| one.position)
            };
            let (first, second) =
                if place(&old.a) < place(&old.b) { (&old.a, &old.b) } else { (&old.b, &old.a) };
            found.add_broken(first, second);
        }
    }
}

/// Tables that hold a tool's own history, told by their columns as well as their names.
fn is_own_table(table: &Table) -> bool {
    let has = |columns: &[&str]| columns.iter().all(|column| table.column(column).is_some());
    match table.name.name.as_str() {
        "_prisma_migrations" | "pgsteward_migrations" => has(&[
            "id",
            "checksum",
            "finished_at",
            "migration_name",
            "logs",
            "rolled_back_at",
            "started_at",
            "applied_steps_count",
        ]),
        "pgsteward_backfills" => {
            has(&["name", "statement", "last_key", "rows_read", "rows_changed", "batches"])
        }
        "_Migration" => has(&["revision", "name", "datamodel", "status", "applied", "rolled_back", "errors"]),
        "_RelayId" => {
            has(&["id"])
                && table
                    .columns
                    .iter()
                    .any(|column| column.name.eq_ignore_ascii_case("stablemodelidentifier"))
        }
        _ => false,
    }
}
