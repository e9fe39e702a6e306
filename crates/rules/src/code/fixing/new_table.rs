//! A table that a fix brings: its model at the end of the schema's file, its statements, and the way back.
//!
//! It is named as the other tables of the project are.

use pgsteward_model::catalog::QName;
use pgsteward_model::change::{Step, TextEdit};
use pgsteward_model::prisma::Model;
use pgsteward_model::source::Span;
use pgsteward_sql::{quote_ident, quote_name};

use super::edit;
use crate::code::flow::Flow;
use crate::shared::{default_index_name, words};

pub(in crate::code) struct Column {
    pub(in crate::code) field: &'static str,
    /// Type and attributes in the Prisma schema.
    pub(in crate::code) prisma: &'static str,
    /// Type and constraints in SQL.
    pub(in crate::code) sql: &'static str,
}

pub(in crate::code) struct NewTable {
    /// `processedEvent`, the property of the client.
    pub(in crate::code) accessor: String,
    pub(in crate::code) steps: Vec<Step>,
    pub(in crate::code) rollback: Vec<Step>,
}

/// The first column is the key. `index` names fields of an index. None where the project has a model or table of that
/// name, and where the schema's text is not at hand.
pub(in crate::code) fn new_table(
    flow: &Flow,
    near: &Model,
    name: &str,
    columns: &[Column],
    index: &[&str],
) -> Option<NewTable> {
    let schema = flow.schema?;
    let mapped: Vec<&Model> = schema.models.iter().filter(|model| model.db_name != model.name).collect();
    let snake = mapped.len() * 2 > schema.models.len();
    let plural =
        snake && mapped.iter().filter(|model| model.db_name.ends_with('s')).count() * 2 > mapped.len();
    let snake_fields = {
        let long = || {
            schema
                .models
                .iter()
                .flat_map(|model| &model.fields)
                .filter(|field| field.is_column() && words(&field.name).len() > 1)
        };
        long().filter(|field| field.db_name.contains('_')).count() * 2 > long().count()
    };
    let table = match (snake, plural) {
        (false, _) => name.to_owned(),
        (true, false) => words(name).join("_"),
        (true, true) => format!("{}s", words(name).join("_")),
    };
    let table = QName::new(near.namespace.as_deref().unwrap_or("public"), table);
    let taken = schema.models.iter().any(|model| model.name == name || model.db_name == table.name)
        || schema.enums.iter().any(|known| known.name == name)
        || flow.facts.catalog().is_some_and(|catalog| catalog.table(&table).is_some());
    if taken {
        return None;
    }
    let column = |field: &str| if snake_fields { words(field).join("_") } else { field.to_owned() };
    let width = |of: fn(&Column) -> &str| columns.iter().map(|column| of(column).len()).max().unwrap_or(0);
    let type_of = |prisma: &'static str| prisma.split_once(' ').map_or(prisma, |(ty, _)| ty);
    let (names, types) = (
        width(|column| column.field),
        columns.iter().map(|column| type_of(column.prisma).len()).max().unwrap_or(0),
    );
    let mut model = format!("model {name} {{\n");
    let mut sql = format!("CREATE TABLE {} (\n", quote_name(&table));
    for one in columns {
        let (ty, attributes) = one.prisma.split_once(' ').unwrap_or((one.prisma, ""));
        let db = column(one.field);
        let map = if db == one.field { String::new() } else { format!(" @map(\"{db}\")") };
        let line = format!("  {:names$} {ty:types$} {attributes}{map}", one.field);
        model.push_str(line.trim_end());
        model.push('\n');
        sql.push_str(&format!("    {} {},\n", quote_ident(&db), one.sql));
    }
    let key = column(columns.first()?.field);
    sql.push_str(&format!(
        "\n    CONSTRAINT {} PRIMARY KEY ({})\n)",
        quote_ident(&default_index_name(&table.name, &[], "pkey")),
        quote_ident(&key)
    ));
    let mut steps = vec![Step::sql(sql)];
    let mut attributes = Vec::new();
    if !index.is_empty() {
        let list: Vec<String> = index.iter().map(|field| column(field)).collect();
        let quoted: Vec<String> = list.iter().map(|column| quote_ident(column)).collect();
        steps.push(Step::sql(format!(
            "CREATE INDEX {} ON {} ({})",
            quote_ident(&default_index_name(&table.name, &list, "_idx")),
            quote_name(&table),
            quoted.join(", ")
        )));
        attributes.push(format!("  @@index([{}])\n", index.join(", ")));
    }
    if table.name != name {
        attributes.push(format!("  @@map(\"{}\")\n", table.name));
    }
    if let Some(namespace) = &near.namespace {
        attributes.push(format!("  @@schema(\"{namespace}\")\n"));
    }
    if !attributes.is_empty() {
        model.push('\n');
        model.extend(attributes);
    }
    model.push_str("}\n");
    let file = &near.at.file;
    let text = &flow.facts.sources.get(file)?.text;
    let before = if text.ends_with('\n') { "\n" } else { "\n\n" };
    let crlf = text.contains("\r\n");
    let added = format!("{before}{model}");
    let added = if crlf { added.replace('\n', "\r\n") } else { added };
    let end = Span::new(text.len(), text.len());
    let (done, undone) = edit::there_and_back(flow.facts, file, vec![TextEdit { span: end, text: added }])?;
    steps.push(done);
    let rollback = vec![Step::sql(format!("DROP TABLE {}", quote_name(&table))), undone];
    let accessor = name.split_at_checked(1).map(|(first, rest)| first.to_lowercase() + rest)?;
    Some(NewTable { accessor, steps, rollback })
}
