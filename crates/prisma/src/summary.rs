//! What `prisma migrate diff` prints without `--script`, and `prisma migrate dev` below "Drift detected".
//!
//! Source: what Prisma's schema engine was seen to print. It writes defaults as its own program spells its
//! values, which is why they look as they do here.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Catalog, Column, ColumnType, QName, Table, TypeClass};

use crate::diff::meaning::Meaning;
use crate::diff::{
    DiffOptions, SchemaStep, TableChange, TablePair, TypeChange, View, meaning_of, sequence_in, with_view,
};

/// What is printed where there is nothing to do.
pub const NO_DIFFERENCE: &str = "No difference detected.";

/// Sections in the order in which they are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    ChangedExtension,
    RemovedExtensions,
    AddedExtensions,
    AddedNamespaces,
    AddedEnums,
    AddedTables,
    RemovedEnums,
    RemovedTables,
    ChangedEnum,
    ChangedTable,
}

/// The summary of the steps that [`crate::diff::diff`] found between the same catalogs with the same options.
pub fn summary(steps: &[SchemaStep], from: &Catalog, to: &Catalog, options: &DiffOptions) -> String {
    if steps.is_empty() {
        return NO_DIFFERENCE.to_owned();
    }
    let items: BTreeSet<(Section, &str, usize)> = steps
        .iter()
        .enumerate()
        .map(|(at, step)| {
            let (section, name) = place(step);
            (section, name, at)
        })
        .collect();
    with_view(from, to, options, |view| {
        let mut out = String::new();
        let mut last = None;
        for (section, name, at) in items {
            if last != Some((section, name)) {
                out.push_str(&heading(section, name));
            }
            last = Some((section, name));
            lines(&steps[at], view, &mut out);
        }
        out
    })
}

/// The section of a step, and the name that the section is about where it is about one thing.
fn place(step: &SchemaStep) -> (Section, &str) {
    match step {
        SchemaStep::CreateSchema { .. } => (Section::AddedNamespaces, ""),
        SchemaStep::DropExtension { name } => (Section::RemovedExtensions, name),
        SchemaStep::CreateExtension { name, .. } => (Section::AddedExtensions, name),
        SchemaStep::AlterExtension { name, .. } => (Section::ChangedExtension, name),
        SchemaStep::CreateEnum { .. } => (Section::AddedEnums, ""),
        SchemaStep::AlterEnum(change) => (Section::ChangedEnum, &change.name.name),
        SchemaStep::DropTable { .. } => (Section::RemovedTables, ""),
        SchemaStep::DropEnum { .. } => (Section::RemovedEnums, ""),
        SchemaStep::CreateTable(_) => (Section::AddedTables, ""),
        SchemaStep::DropForeignKey { table, .. }
        | SchemaStep::DropIndex { table, .. }
        | SchemaStep::AlterTable { table, .. }
        | SchemaStep::CreateIndex { table, .. }
        | SchemaStep::RenameForeignKey { table, .. }
        | SchemaStep::AddForeignKey { table, .. }
        | SchemaStep::RenameIndex { table, .. } => (Section::ChangedTable, &table.name),
    }
}

fn heading(section: Section, name: &str) -> String {
    match section {
        Section::AddedNamespaces => "\n[+] Added Schemas\n".to_owned(),
        Section::ChangedExtension => format!("\n[*] Changed the `{name}` extension\n"),
        Section::RemovedExtensions => "\n[-] Removed extensions\n`".to_owned(),
        Section::AddedExtensions => "\n[+] Added extensions\n".to_owned(),
        Section::AddedEnums => "\n[+] Added enums\n".to_owned(),
        Section::AddedTables => "\n[+] Added tables\n".to_owned(),
        Section::RemovedEnums => "\n[-] Removed enums\n".to_owned(),
        Section::RemovedTables => "\n[-] Removed tables\n".to_owned(),
        Section::ChangedEnum => format!("\n[*] Changed the `{name}` enum\n"),
        Section::ChangedTable => format!("\n[*] Changed the `{name}` table\n"),
    }
}

fn lines(step: &SchemaStep, view: View<'_>, out: &mut String) {
    let mut line = |text: String| {
        out.push_str("  ");
        out.push_str(&text);
        out.push('\n');
    };
    match step {
        SchemaStep::CreateSchema { name } | SchemaStep::CreateExtension { name, .. } => {
            line(format!("- {name}"));
        }
        SchemaStep::CreateEnum { name, .. }
        | SchemaStep::DropEnum { name }
        | SchemaStep::DropTable { table: name } => {
            line(format!("- {}", name.name));
        }
        SchemaStep::CreateTable(table) => line(format!("- {}", table.name.name)),
        SchemaStep::DropExtension { .. } | SchemaStep::AlterExtension { .. } => {}
        SchemaStep::AlterEnum(change) => {
            for value in &change.added {
                line(format!("[+] Added variant `{value}`"));
            }
            for value in &change.dropped {
                line(format!("[-] Removed variant `{value}`"));
            }
        }
        SchemaStep::DropForeignKey { table, name } => {
            let key = before(view, table).and_then(|table| {
                table.foreign_keys().find_map(|(constraint, key)| (constraint.name == *name).then_some(key))
            });
            let columns = key.map(|key| key.columns.join(", ")).unwrap_or_default();
            line(format!("[-] Removed foreign key on columns ({columns})"));
        }
        SchemaStep::DropIndex { table, name } => {
            if let Some(index) = before(view, table).and_then(|table| table.index(name)) {
                let unique = if index.unique { "unique " } else { "" };
                line(format!(
                    "[-] Removed {unique}index on columns ({})",
                    index.leading_columns().join(", ")
                ));
            }
        }
        SchemaStep::CreateIndex { index, .. } => {
            let unique = if index.unique { "unique " } else { "" };
            let columns: Vec<&str> = index.keys.iter().map(|key| key.column.as_str()).collect();
            line(format!("[+] Added {unique}index on columns ({})", columns.join(", ")));
        }
        SchemaStep::AddForeignKey { key, .. } => {
            line(format!("[+] Added foreign key on columns ({})", key.columns.join(", ")));
        }
        SchemaStep::RenameForeignKey { from, to, .. } => {
            line(format!("[*] Renamed the foreign key \"{from}\" to \"{to}\""));
        }
        SchemaStep::RenameIndex { from, to, .. } => line(format!("[*] Renamed index `{from}` to `{to}`")),
        SchemaStep::AlterTable { table, changes } => {
            for change in changes {
                line(table_change(table, change, view));
            }
        }
    }
}

fn before<'a>(view: View<'a>, table: &QName) -> Option<&'a Table> {
    view.before.catalog.table(table)
}

fn table_change(table: &QName, change: &TableChange, view: View<'_>) -> String {
    let old_key = || {
        let key = before(view, table).and_then(Table::primary_key);
        key.map(|(_, columns)| columns.join(", ")).unwrap_or_default()
    };
    match change {
        TableChange::DropPrimaryKey { .. } => {
            format!("[-] Dropped the primary key on columns ({})", old_key())
        }
        TableChange::RenamePrimaryKey { .. } => {
            format!("[*] Renamed the primary key on columns ({})", old_key())
        }
        // The lonely parenthesis is Prisma's.
        TableChange::AddPrimaryKey { columns, .. } => {
            format!("[+] Added primary key on columns ({})\n)", columns.join(", "))
        }
        TableChange::DropColumn { name } => format!("[-] Removed column `{name}`"),
        TableChange::AddColumn(column) => format!("[+] Added column `{}`", column.name),
        TableChange::AlterColumn { name, .. } => {
            format!("[*] Altered column `{name}` ({})", column_changes(table, name, view))
        }
        TableChange::RecreateColumn(column) => format!(
            "[*] Column `{}` would be dropped and recreated ({})",
            column.name,
            column_changes(table, &column.name, view)
        ),
    }
}

fn column_changes(table: &QName, name: &str, view: View<'_>) -> String {
    let (Some(before), Some(after)) = (before(view, table), view.after.catalog.table(table)) else {
        return String::new();
    };
    let (Some(old), Some(new)) = (before.column(name), after.column(name)) else { return String::new() };
    let changes = TablePair::new(view, before, after).column_changes(old, new);
    let mut out = Vec::new();
    if let Some((old, new)) = changes.arity {
        out.push(format!("changed from {old:?} to {new:?}"));
    }
    if changes.default {
        let (old, new) = (default(view, before, old, false), default(view, after, new, true));
        out.push(format!("default changed from `{old}` to `{new}`"));
    }
    if changes.ty != TypeChange::Same {
        out.push("type changed".to_owned());
    }
    match changes.autoincrement {
        Some(true) => out.push("column became autoincrementing".to_owned()),
        Some(false) => out.push("column is no longer autoincrementing".to_owned()),
        None => {}
    }
    out.join(", ")
}

/// A default as Prisma's program spells it: `Some(Value(Int(1)))`.
fn default(view: View<'_>, table: &Table, column: &Column, next: bool) -> String {
    let ty = view.column_type(column, next);
    if let Some(written) = view.written_default(table, column, next) {
        return format!("Some(DbGenerated({written:?}))");
    }
    let schema = if next { !view.options.to_database } else { view.options.before.is_some() };
    match meaning_of(column, ty) {
        Meaning::Null => "None".to_owned(),
        Meaning::Now => "Some(Now)".to_owned(),
        Meaning::Sequence => {
            let name = column.default.as_deref().and_then(sequence_in).filter(|_| !schema);
            format!("Some(Sequence({:?}))", name.unwrap_or_default())
        }
        Meaning::Expression(_) => generated(column),
        // Of a database it reads no point in time but the present one.
        Meaning::Text(_) if !schema && is_time(ty) => generated(column),
        known => format!("Some(Value({}))", value(&known, ty)),
    }
}

fn generated(column: &Column) -> String {
    format!("Some(DbGenerated({:?}))", column.default.as_deref().map(str::trim))
}

fn is_time(ty: &ColumnType) -> bool {
    ty.name.starts_with("time") || ty.name == "date"
}

fn value(meaning: &Meaning, ty: &ColumnType) -> String {
    match meaning {
        Meaning::Boolean(value) => format!("Boolean({value})"),
        Meaning::List(values) => {
            let element = ColumnType { array: 0, ..ty.clone() };
            let values: Vec<String> = values.iter().map(|one| value(one, &element)).collect();
            format!("List([{}])", values.join(", "))
        }
        Meaning::Number(digits) => match ty.name.as_str() {
            "smallint" | "integer" | "oid" => format!("Int({digits})"),
            "bigint" => format!("BigInt({digits})"),
            _ => format!("Float(BigDecimal(\"{digits}\"))"),
        },
        Meaning::Text(text) => match ty.name.as_str() {
            _ if ty.class == TypeClass::Enum => format!("Enum({text:?})"),
            "json" | "jsonb" => format!("Json({text:?})"),
            "bytea" => format!("Bytes({:?})", bytes(text)),
            _ if is_time(ty) => format!("DateTime({})", text.replacen(' ', "T", 1).replace(' ', "")),
            _ => format!("String({text:?})"),
        },
        Meaning::Null | Meaning::Now | Meaning::Sequence | Meaning::Expression(_) => "Null".to_owned(),
    }
}

/// `\x6869` to its bytes.
fn bytes(text: &str) -> Vec<u8> {
    let digits = text.strip_prefix("\\x").unwrap_or_default().as_bytes();
    let digit =
        |byte: u8| (byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or_default();
    digits.chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}
