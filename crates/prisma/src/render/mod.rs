//! Steps to SQL, byte for byte as Prisma Migrate 6 and 7 write a `migration.sql`. Knows no catalog: a step
//! carries what it needs.
//!
//! Objects in `public` are written without their namespace, all others with it.

use pgsteward_model::catalog::{ColumnType, QName, TypeClass};

use crate::diff::meaning::{Meaning, in_parentheses};
use crate::diff::{
    AlterEnum, ColumnChange, NewColumn, NewIndex, NewIndexKey, NewTable, SchemaStep, TableChange,
};

/// What Prisma writes where there is nothing to do.
pub const EMPTY: &str = "-- This is an empty migration.";

/// How names are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// True where objects in `public` are written with their namespace too.
    pub names_public: bool,
}

impl Style {
    pub(crate) fn name(self, name: &QName) -> String {
        match name.namespace.as_str() {
            crate::calculate::DEFAULT_NAMESPACE if !self.names_public => quote(&name.name),
            namespace => format!("{}.{}", quote(namespace), quote(&name.name)),
        }
    }
}

/// A whole `migration.sql`.
pub fn render(steps: &[SchemaStep]) -> String {
    render_in(steps, Style::default())
}

/// A whole script, in the style of [`crate::diff::DiffOptions::style`].
pub fn render_in(steps: &[SchemaStep], style: Style) -> String {
    if steps.is_empty() {
        return EMPTY.to_owned();
    }
    let mut out = steps.iter().map(|one| step_in(one, style)).collect::<Vec<_>>().join("\n\n");
    out.push('\n');
    out
}

/// One step with the comment above it, without a line end behind it.
pub fn step(step: &SchemaStep) -> String {
    step_in(step, Style::default())
}

fn step_in(step: &SchemaStep, style: Style) -> String {
    let mut out = format!("-- {}", step.title());
    for statement in statements_in(step, style) {
        out.push('\n');
        out.push_str(&statement);
        out.push(';');
    }
    out
}

/// The statements of a step, each without its semicolon. The first of an enum that gains several values
/// carries Prisma's comment about old servers.
pub fn statements(step: &SchemaStep) -> Vec<String> {
    statements_in(step, Style::default())
}

fn statements_in(step: &SchemaStep, style: Style) -> Vec<String> {
    match step {
        SchemaStep::CreateSchema { name } => vec![format!("CREATE SCHEMA IF NOT EXISTS {}", quote(name))],
        SchemaStep::DropExtension { name } => vec![format!("DROP EXTENSION {}", quote(name))],
        SchemaStep::CreateExtension { name, namespace, version } => {
            vec![create_extension(name, namespace.as_deref(), version.as_deref())]
        }
        SchemaStep::AlterExtension { name, namespace, version } => {
            let update = version.iter().map(|version| format!("UPDATE TO {}", quote(version)));
            let place = namespace.iter().map(|namespace| format!("SET SCHEMA {}", quote(namespace)));
            update.chain(place).map(|change| format!("ALTER EXTENSION {} {change}", quote(name))).collect()
        }
        SchemaStep::CreateEnum { name, values } => vec![create_enum(&style.name(name), values)],
        SchemaStep::AlterEnum(change) if change.dropped.is_empty() => add_enum_values(change, style),
        SchemaStep::AlterEnum(change) => exchange_enum(change, style),
        SchemaStep::DropForeignKey { table, name } => {
            vec![format!("ALTER TABLE {} DROP CONSTRAINT {}", style.name(table), quote(name))]
        }
        SchemaStep::DropIndex { table, name } => {
            vec![format!("DROP INDEX {}", style.name(&QName::new(&table.namespace, name)))]
        }
        SchemaStep::AlterTable { table, changes } => alter_table(table, changes, style),
        SchemaStep::DropTable { table } => vec![format!("DROP TABLE {}", style.name(table))],
        SchemaStep::DropEnum { name } => vec![format!("DROP TYPE {}", style.name(name))],
        SchemaStep::CreateTable(table) => vec![create_table(table, style)],
        SchemaStep::CreateIndex { table, index } => vec![create_index(table, index, style)],
        SchemaStep::RenameForeignKey { table, from, to } => vec![format!(
            "ALTER TABLE {} RENAME CONSTRAINT {} TO {}",
            style.name(table),
            quote(from),
            quote(to)
        )],
        SchemaStep::AddForeignKey { table, name, key } => vec![format!(
            "ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {}({}) ON DELETE {} ON UPDATE {}",
            style.name(table),
            quote(name),
            list(&key.columns, ", "),
            style.name(&key.references),
            list(&key.referenced_columns, ", "),
            key.on_delete.sql(),
            key.on_update.sql()
        )],
        SchemaStep::RenameIndex { table, from, to } => vec![format!(
            "ALTER INDEX {} RENAME TO {}",
            style.name(&QName::new(&table.namespace, from)),
            quote(to)
        )],
    }
}

fn create_extension(name: &str, namespace: Option<&str>, version: Option<&str>) -> String {
    let mut out = format!("CREATE EXTENSION IF NOT EXISTS {}", quote(name));
    if namespace.is_some() || version.is_some() {
        out.push_str(" WITH");
    }
    if let Some(namespace) = namespace {
        out.push_str(&format!(" SCHEMA {}", quote(namespace)));
    }
    if let Some(version) = version {
        out.push_str(&format!(" VERSION {}", quote(version)));
    }
    out
}

/// Prisma quotes every name.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string constant.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

pub(crate) fn qualified(name: &QName) -> String {
    Style::default().name(name)
}

fn list(columns: &[String], separator: &str) -> String {
    columns.iter().map(|column| quote(column)).collect::<Vec<_>>().join(separator)
}

fn create_enum(name: &str, values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| literal(value)).collect();
    format!("CREATE TYPE {name} AS ENUM ({})", values.join(", "))
}

const MORE_THAN_ONE_VALUE: &str = "-- This migration adds more than one value to an enum.
-- With PostgreSQL versions 11 and earlier, this is not possible
-- in a single migration. This can be worked around by creating
-- multiple migrations, each migration adding only one value to
-- the enum.


";

fn add_enum_values(change: &AlterEnum, style: Style) -> Vec<String> {
    let name = style.name(&change.name);
    let mut out: Vec<String> =
        change.added.iter().map(|value| format!("ALTER TYPE {name} ADD VALUE {}", literal(value))).collect();
    if out.len() > 1 {
        out[0].insert_str(0, MORE_THAN_ONE_VALUE);
    }
    out
}

/// PostgreSQL cannot drop a value: a new type takes the place of the old one.
fn exchange_enum(change: &AlterEnum, style: Style) -> Vec<String> {
    let with = |suffix: &str| QName::new(&change.name.namespace, format!("{}{suffix}", change.name.name));
    let (new, old) = (with("_new"), with("_old"));
    let temporary = style.name(&new);
    let mut out = vec!["BEGIN".to_owned(), create_enum(&temporary, &change.values)];
    let column = |table: &QName, column: &str, style: Style| {
        format!("ALTER TABLE {} ALTER COLUMN {}", style.name(table), quote(column))
    };
    // What was there before is named as it is there.
    let before = Style { names_public: change.from_database };
    for default in &change.defaults {
        out.push(format!("{} DROP DEFAULT", column(&default.table, &default.column, before)));
    }
    for one in &change.columns {
        let array = if one.list { "[]" } else { "" };
        out.push(format!(
            "{} TYPE {temporary}{array} USING ({}::text::{temporary}{array})",
            column(&one.table, &one.column, style),
            quote(&one.column)
        ));
    }
    out.push(format!("ALTER TYPE {} RENAME TO {}", style.name(&change.name), quote(&old.name)));
    out.push(format!("ALTER TYPE {temporary} RENAME TO {}", quote(&change.name.name)));
    out.push(format!("DROP TYPE {}", before.name(&old)));
    for default in &change.defaults {
        if let Some(next) = &default.next {
            out.push(format!("{} SET DEFAULT {next}", column(&default.table, &default.column, style)));
        }
    }
    out.push("COMMIT".to_owned());
    out
}

fn create_table(table: &NewTable, style: Style) -> String {
    let columns: Vec<String> =
        table.columns.iter().map(|column| format!("    {}", new_column(column))).collect();
    let key = table.primary_key.as_ref().map_or_else(String::new, |(name, columns)| {
        format!(",\n\n    CONSTRAINT {} PRIMARY KEY ({})", quote(name), list(columns, ","))
    });
    format!("CREATE TABLE {} (\n{}{key}\n)", style.name(&table.name), columns.join(",\n"))
}

fn new_column(column: &NewColumn) -> String {
    let mut out = format!("{} {}", quote(&column.name), column.ty);
    if column.not_null {
        out.push_str(" NOT NULL");
    }
    if let Some(default) = &column.default {
        out.push_str(" DEFAULT ");
        out.push_str(default);
    }
    out
}

fn create_index(table: &QName, index: &NewIndex, style: Style) -> String {
    let unique = if index.unique { "UNIQUE " } else { "" };
    let method = match index.method.as_str() {
        "btree" => String::new(),
        method => format!(" USING {} ", method.to_uppercase()),
    };
    let keys: Vec<String> = index
        .keys
        .iter()
        .map(|key| {
            let class = key.operator_class.as_ref().map_or_else(String::new, |class| format!(" {class}"));
            format!("{}{class}{}", quote(&key.column), direction(key))
        })
        .collect();
    let predicate =
        index.predicate.as_ref().map_or_else(String::new, |predicate| match in_parentheses(predicate) {
            true => format!(" WHERE {predicate}"),
            false => format!(" WHERE ({predicate})"),
        });
    format!(
        "CREATE {unique}INDEX {} ON {}{method}({}){predicate}",
        quote(&index.name),
        style.name(table),
        keys.join(", ")
    )
}

fn direction(key: &NewIndexKey) -> &'static str {
    match (key.descending, key.ascending) {
        (true, _) => " DESC",
        (false, true) => " ASC",
        (false, false) => "",
    }
}

fn alter_table(table: &QName, changes: &[TableChange], style: Style) -> Vec<String> {
    let name = style.name(table);
    let (mut before, mut clauses, mut after) = (Vec::new(), Vec::new(), Vec::new());
    for change in changes {
        match change {
            TableChange::DropPrimaryKey { name } => clauses.push(format!("DROP CONSTRAINT {}", quote(name))),
            // What was dropped cannot be renamed, though Prisma tries.
            TableChange::RenamePrimaryKey { .. }
                if changes.iter().any(|one| matches!(one, TableChange::DropPrimaryKey { .. })) => {}
            // A renaming cannot share its statement with other clauses.
            TableChange::RenamePrimaryKey { from, to } => {
                after.push(format!("ALTER TABLE {name} RENAME CONSTRAINT {} TO {}", quote(from), quote(to)));
            }
            TableChange::DropColumn { name } => clauses.push(format!("DROP COLUMN {}", quote(name))),
            TableChange::AddColumn(column) => {
                clauses.push(format!("ADD COLUMN     {}", new_column(column)));
            }
            TableChange::RecreateColumn(column) => {
                clauses.push(format!("DROP COLUMN {}", quote(&column.name)));
                clauses.push(format!("ADD COLUMN     {}", new_column(column)));
            }
            TableChange::AddPrimaryKey { name, columns } => {
                clauses.push(format!("ADD CONSTRAINT {} PRIMARY KEY ({})", quote(name), list(columns, ", ")));
            }
            TableChange::AlterColumn { name: column, changes } => {
                let prefix = format!("ALTER COLUMN {}", quote(column));
                for change in changes {
                    match change {
                        ColumnChange::SetNotNull => clauses.push(format!("{prefix} SET NOT NULL")),
                        ColumnChange::DropNotNull => clauses.push(format!("{prefix} DROP NOT NULL")),
                        ColumnChange::SetDefault(default) => {
                            clauses.push(format!("{prefix} SET DEFAULT {default}"));
                        }
                        ColumnChange::SetType(ty) => clauses.push(format!("{prefix} SET DATA TYPE {ty}")),
                        ColumnChange::DropDefault => clauses.push(format!("{prefix} DROP DEFAULT")),
                        ColumnChange::DropSequence { sequence } => {
                            // Prisma would drop the new default as well.
                            if !changes.iter().any(|one| matches!(one, ColumnChange::SetDefault(_))) {
                                clauses.push(format!("{prefix} DROP DEFAULT"));
                            }
                            after.extend(
                                sequence.iter().map(|sequence| format!("DROP SEQUENCE {}", quote(sequence))),
                            );
                        }
                        ColumnChange::AddSequence { name: sequence } => {
                            before.push(format!("CREATE SEQUENCE {sequence}"));
                            clauses.push(format!("{prefix} SET DEFAULT nextval({})", literal(sequence)));
                            after
                                .push(format!("ALTER SEQUENCE {sequence} OWNED BY {name}.{}", quote(column)));
                        }
                    }
                }
            }
        }
    }
    if !clauses.is_empty() {
        before.push(format!("ALTER TABLE {name} {}", clauses.join(",\n")));
    }
    before.extend(after);
    before
}

/// A column's type as Prisma writes it.
pub(crate) fn column_type(ty: &ColumnType, autoincrement: bool, style: Style) -> String {
    let name = match (ty.class, ty.name.as_str()) {
        (TypeClass::Enum | TypeClass::Domain | TypeClass::Composite, name) => {
            style.name(&QName::new(ty.namespace.as_deref().unwrap_or("public"), name))
        }
        (_, "smallint") if autoincrement => "SMALLSERIAL".to_owned(),
        (_, "integer") if autoincrement => "SERIAL".to_owned(),
        (_, "bigint") if autoincrement => "BIGSERIAL".to_owned(),
        (_, name) => {
            builtin(name, &ty.modifiers).unwrap_or_else(|| ColumnType { array: 0, ..ty.clone() }.to_string())
        }
    };
    if ty.array > 0 { format!("{name}[]") } else { name }
}

fn builtin(name: &str, modifiers: &[i32]) -> Option<String> {
    let short = match name {
        "smallint" => "SMALLINT",
        "integer" => "INTEGER",
        "bigint" => "BIGINT",
        "numeric" => "DECIMAL",
        "real" => "REAL",
        "double precision" => "DOUBLE PRECISION",
        "boolean" => "BOOLEAN",
        "text" => "TEXT",
        "character varying" => "VARCHAR",
        "character" => "CHAR",
        "citext" => "CITEXT",
        "uuid" => "UUID",
        "xml" => "XML",
        "inet" => "INET",
        "oid" => "OID",
        "money" => "MONEY",
        "bit" => "BIT",
        "bit varying" => "VARBIT",
        "bytea" => "BYTEA",
        "timestamp without time zone" => "TIMESTAMP",
        "timestamp with time zone" => "TIMESTAMPTZ",
        "date" => "DATE",
        "time without time zone" => "TIME",
        "time with time zone" => "TIMETZ",
        "json" => "JSON",
        "jsonb" => "JSONB",
        _ => return None,
    };
    let arguments: Vec<String> = modifiers.iter().map(i32::to_string).collect();
    Some(if arguments.is_empty() { short.to_owned() } else { format!("{short}({})", arguments.join(",")) })
}

/// A default as Prisma writes it. `expression` is its text where it is no constant, `ty` the column's type as
/// SQL.
pub(crate) fn default(meaning: &Meaning, expression: &str, ty: &str) -> Option<String> {
    Some(match meaning {
        Meaning::Null | Meaning::Sequence => return None,
        Meaning::Now => "CURRENT_TIMESTAMP".to_owned(),
        Meaning::Text(text) => literal(text),
        Meaning::Number(digits) => digits.clone(),
        Meaning::Boolean(value) => value.to_string(),
        Meaning::Expression(_) => expression.to_owned(),
        Meaning::List(values) => {
            let values: Vec<String> = values
                .iter()
                .map(|value| match value {
                    Meaning::Expression(text) => text.clone(),
                    value => default(value, "", ty).unwrap_or_else(|| "NULL".to_owned()),
                })
                .collect();
            format!("ARRAY[{}]::{ty}", values.join(", "))
        }
    })
}
