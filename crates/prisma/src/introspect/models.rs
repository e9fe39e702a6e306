//! Tables as models: notes, fields, relation fields, keys.

use super::database::{DbArity, DbIndexKind, DbTable};
use super::fields::{Column, filter, key_fields, map_of, own_keys};
use super::matching::Matching;
use super::names;
use super::previous::OldModel;
use super::relation_fields::{self, RelationField};
use super::relations::Relations;
use super::text::{Block, call, named_text};
use super::types::Family;
use super::warnings::{Warning, Warnings};

/// What all models share.
pub(super) struct Context<'a> {
    pub(super) matching: &'a Matching<'a>,
    pub(super) relations: &'a Relations,
    /// Name of the datasource.
    pub(super) source: &'a str,
    /// True where blocks say their namespace.
    pub(super) namespaces: bool,
    pub(super) foreign_keys: bool,
}

pub(super) struct ModelWriter<'a> {
    context: &'a Context<'a>,
    at: usize,
    pub(super) table: &'a DbTable<'a>,
    pub(super) old: Option<OldModel<'a>>,
    relation_fields: Vec<RelationField<'a>>,
}

/// A primary or unique key over columns that Prisma reads and that are never NULL. A partial index counts: Prisma does
/// not look at its predicate.
pub(super) fn has_identifier(table: &DbTable<'_>) -> bool {
    table.indexes.iter().filter(|index| index.identifies()).any(|index| {
        index.columns.iter().all(|column| {
            let column = &table.columns[column.column];
            column.arity == DbArity::Required && !matches!(column.family, Family::Unsupported(_))
        })
    })
}

impl<'a> ModelWriter<'a> {
    pub(super) fn new(context: &'a Context<'a>, at: usize) -> ModelWriter<'a> {
        let table = &context.matching.database.tables[at];
        let old = context.matching.tables[at];
        let relation_fields = relation_fields::of_model(context, at);
        ModelWriter { context, at, table, old, relation_fields }
    }

    fn columns(&self) -> impl Iterator<Item = Column<'a>> {
        let context = self.context;
        let (at, table, old) = (self.at, self.table, self.old);
        table.columns.iter().enumerate().map(move |(number, column)| Column {
            matching: context.matching,
            source: context.source,
            column,
            old: old.and_then(|old| old.column(column.name)),
            named: context.matching.column_name(at, number),
            in_view: false,
        })
    }

    fn ignored_before(&self) -> bool {
        self.old.is_some_and(|old| old.model.ignored)
    }

    fn name(&self) -> String {
        self.context.matching.table_name(self.at).name
    }

    pub(super) fn render(&self) -> String {
        let named = self.context.matching.table_name(self.at);
        let mut block = Block::new("model", named.name.clone(), self.old.and_then(|old| old.documentation()));
        self.notes(&mut block);
        for (number, column) in self.columns().enumerate() {
            block.line(column.render(own_keys(self.table, number)));
        }
        for field in &self.relation_fields {
            block.line(field.render());
        }
        self.keys(&mut block);
        block.lines_for(named.map.as_deref(), self.ignored(), self.namespace());
        block.render()
    }

    fn ignored(&self) -> bool {
        self.ignored_before() || (!has_identifier(self.table) && !self.table.columns.is_empty())
    }

    fn namespace(&self) -> Option<&'a str> {
        self.context.namespaces.then_some(self.table.name.namespace.as_str())
    }

    fn notes(&self, block: &mut Block) {
        let table = self.table;
        let new = self.old.is_none();
        let database_name = &table.name.name;
        if new && names::is_reserved(database_name) {
            let name = self.name();
            block.document(&format!("This model has been renamed to '{name}' during introspection, because the original name '{database_name}' is reserved."));
        }
        let mut note = |wanted: bool, text: &str| {
            if wanted {
                block.document(text);
            }
        };
        note(
            new && table.partitioned,
            "This table is a partition table and requires additional setup for migrations. Visit https://pris.ly/d/partition-tables for more info.",
        );
        note(
            new && table.inherited,
            "This table has subclasses and requires additional setup for migrations. Visit https://pris.ly/d/table-inheritance for more info.",
        );
        note(
            new && !table.checks.is_empty(),
            "This table contains check constraints and requires additional setup for migrations. Visit https://pris.ly/d/check-constraints for more info.",
        );
        note(
            new && !table.exclusions.is_empty(),
            "This table contains exclusion constraints and requires additional setup for migrations. Visit https://pris.ly/d/exclusion-constraints for more info.",
        );
        note(
            table.columns.is_empty(),
            "We could not retrieve columns for the underlying table. Either it has none or you are missing rights to see them. Please check your privileges.",
        );
        note(
            !table.columns.is_empty() && !has_identifier(table) && !self.ignored_before(),
            "The underlying table does not contain a valid unique identifier and can therefore currently not be handled by Prisma Client.",
        );
        note(
            new && (table.commented || table.columns.iter().any(|column| column.commented)),
            "This model or at least one of its fields has comments in the database, and requires an additional setup for migrations: Read more: https://pris.ly/d/database-comments",
        );
        let deferrable = table.indexes.iter().any(|index| index.deferrable)
            || self.relation_fields.iter().any(RelationField::adds_deferrable);
        note(
            new && deferrable,
            "This model has constraints using non-default deferring rules and requires additional setup for migrations. Visit https://pris.ly/d/constraint-deferring for more info.",
        );
        note(
            new && table.row_security,
            "This model contains row level security and requires additional setup for migrations. Visit https://pris.ly/d/row-level-security for more info.",
        );
        let known = |name: &str| self.old.is_some_and(|old| old.key(name).is_some());
        let mut odd = table.indexes.iter().filter(|index| !known(index.name));
        note(
            odd.any(|index| index.columns.iter().any(|column| column.odd_nulls)),
            "This model contains an index with non-default null sort order and requires additional setup for migrations. Visit https://pris.ly/d/default-index-null-ordering for more info.",
        );
        note(
            !table.expression_indexes.is_empty(),
            "This model contains an expression index which requires additional setup for migrations. Visit https://pris.ly/d/expression-indexes for more info.",
        );
        if table.columns.is_empty() {
            block.comment_out();
        }
    }

    fn keys(&self, block: &mut Block) {
        let field = |column: usize| self.context.matching.column_name(self.at, column).name;
        let compound = self
            .table
            .indexes
            .iter()
            .find(|index| index.kind == DbIndexKind::Primary && index.columns.len() > 1);
        if let Some(index) = compound {
            let mut arguments = vec![key_fields(index, field)];
            let name = self.old.and_then(|old| old.model.primary_key.as_ref()?.name.clone());
            arguments.extend(name.map(|name| named_text("name", &name)));
            arguments.extend(map_of(self.table, index));
            block.line(call("@@id", &arguments));
        }
        let mut lines = Vec::new();
        for index in &self.table.indexes {
            let sign = match index.kind {
                DbIndexKind::Primary => continue,
                DbIndexKind::Unique if index.columns.len() == 1 => continue,
                DbIndexKind::Unique => "@@unique",
                DbIndexKind::Plain => "@@index",
            };
            let old = self.old.and_then(|old| old.key(index.name));
            let mut arguments = vec![key_fields(index, field)];
            let name = old.filter(|_| index.kind == DbIndexKind::Unique).and_then(|key| key.name.clone());
            arguments.extend(name.map(|name| named_text("name", &name)));
            arguments.extend(map_of(self.table, index));
            arguments.extend(method(index.method).map(|method| format!("type: {method}")));
            arguments.extend(index.predicate.as_deref().map(filter));
            let place = old.map_or(usize::MAX, |key| key.at.span.start);
            lines.push((place, call(sign, &arguments)));
        }
        // Those that the schema had keep their order, new ones follow in the order of their names.
        lines.sort_by_key(|(place, _)| *place);
        for (_, line) in lines {
            block.line(line);
        }
    }

    pub(super) fn warn(&self, warnings: &mut Warnings) {
        let name = self.name();
        let quoted = format!("\"{name}\"");
        let table = self.table;
        let mut add = |wanted: bool, kind: Warning, item: String| {
            if wanted {
                warnings.add(kind, item);
            }
        };
        let compound =
            table.indexes.iter().any(|one| one.kind == DbIndexKind::Primary && one.columns.len() > 1);
        let named_id =
            self.old.is_some_and(|old| old.model.primary_key.as_ref().is_some_and(|key| key.name.is_some()));
        add(compound && named_id, Warning::NamedModelIds, quoted.clone());
        add(table.columns.is_empty(), Warning::ModelsWithoutColumns, quoted.clone());
        let nameless = !table.columns.is_empty() && !has_identifier(table) && !self.ignored_before();
        add(nameless, Warning::ModelsWithoutIdentifier, quoted.clone());
        add(table.partitioned, Warning::PartitionedTables, quoted.clone());
        add(table.inherited, Warning::InheritedTables, quoted.clone());
        add(table.row_security, Warning::RowSecurity, quoted.clone());
        let duplicate = self.old.is_none() && !self.context.matching.is_unique(&table.name.name);
        add(duplicate, Warning::DuplicateNames, format!("Type: \"model\", name: {quoted}"));
        let remapped = self.old.is_some_and(|old| old.named().map.is_some());
        add(remapped, Warning::RemappedModels, quoted.clone());
        add(table.commented, Warning::Comments, format!("Type: \"model\", name: {quoted}"));
        for constraint in &table.checks {
            let item = format!("Model: {quoted}, constraint: \"{constraint}\"");
            add(true, Warning::CheckConstraints, item);
        }
        for column in self.columns() {
            let field = column.name();
            let remapped = column.old.is_some_and(|old| old.named().map.is_some());
            add(remapped, Warning::RemappedModelFields, format!("Model: {quoted}, field: \"{field}\""));
            let unsupported = matches!(column.column.family, Family::Unsupported(_));
            let item = format!(
                "Model: {quoted}, field: \"{field}\", original data type: \"{}\"",
                column.type_name()
            );
            add(unsupported, Warning::UnsupportedModelTypes, item);
            let item = format!("Type: \"field\", name: \"{name}.{field}\"");
            add(column.column.commented, Warning::Comments, item);
        }
        for field in self.relation_fields.iter().filter(|field| field.is_copied()) {
            add(true, Warning::CopiedRelations, format!("\"{}\"", field.type_name()));
        }
        for index in &table.expression_indexes {
            let item = format!("Model: {quoted}, constraint: \"{index}\"");
            add(true, Warning::ExpressionIndexes, item);
        }
        for column in self.columns().filter(Column::unnamed) {
            warnings.add_unnamed(Warning::ModelFieldsWithoutName, &name, &column.name());
        }
    }
}

impl Block {
    /// The attributes that end a block.
    pub(super) fn lines_for(&mut self, map: Option<&str>, ignored: bool, namespace: Option<&str>) {
        if let Some(map) = map {
            self.line(format!("@@map({})", names::quoted(map)));
        }
        if ignored {
            self.line("@@ignore".into());
        }
        if let Some(namespace) = namespace {
            self.line(format!("@@schema({})", names::quoted(namespace)));
        }
    }
}

/// What Prisma calls an access method; B-tree, and what it does not know, go unsaid.
fn method(name: &str) -> Option<&'static str> {
    Some(match name {
        "hash" => "Hash",
        "gist" => "Gist",
        "gin" => "Gin",
        "spgist" => "SpGist",
        "brin" => "Brin",
        _ => return None,
    })
}
