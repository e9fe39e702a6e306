//! `CREATE TABLE` and the definition of a column.

use pgsteward_model::catalog::{
    Column, ConstraintKind, Generated, Identity, PartitionOf, Partitioning, Persistence, QName, Table,
    TableKind,
};
use pgsteward_model::statement::{AddColumn, CreateTable, Name, Statement};

use super::constraint::{self, WrittenConstraint};
use super::dml;
use crate::cursor::{COLUMN_CLAUSES, Cursor};
use crate::quote::quote_name;
use crate::{naming, types};

/// A column with the constraints written beside it.
pub(super) struct WrittenColumn {
    pub(super) column: Column,
    pub(super) serial: bool,
    pub(super) constraints: Vec<WrittenConstraint>,
}

/// Reads `CREATE [kind] TABLE` from the word behind `TABLE` on.
pub(super) fn create(cursor: &mut Cursor<'_>, persistence: Persistence, foreign: bool) -> Option<Statement> {
    let if_not_exists = cursor.if_not_exists();
    let name = cursor.name()?;
    let mut table = Table::new(name.qualified());
    table.persistence = persistence;
    if foreign {
        table.kind = TableKind::Foreign;
    }
    let mut like = Vec::new();
    let mut serial = Vec::new();
    let mut from_query = false;
    let mut reads = Vec::new();
    if cursor.eat(&["partition", "of"]) {
        let parent = cursor.name()?.qualified();
        table.partition_of = Some(PartitionOf { parent, bound: String::new() });
    } else if cursor.eat(&["of"]) {
        // The columns come from a composite type that the statement only names.
        cursor.name();
        table.unknown = true;
    }
    let as_columns = cursor.sees_symbol(b'(');
    if as_columns {
        for mut item in cursor.group().items() {
            if item.eat(&["like"]) {
                like.extend(item.name());
                // Which of the defaults, constraints and indexes come along is not modelled.
                table.unknown |= item.skip_to(&["including"]);
            } else if let Some(found) = constraint::table_constraint(&mut item, &name.name) {
                add_constraint(&mut table, found);
            } else if let Some(found) = column(&mut item, &name) {
                if found.serial {
                    serial.push(found.column.name.clone());
                }
                table.columns.push(found.column);
                found.constraints.into_iter().for_each(|found| add_constraint(&mut table, found));
            }
        }
    }
    loop {
        let start = *cursor;
        if cursor.eat(&["for", "values"]) || (table.partition_of.is_some() && cursor.eat(&["default"])) {
            while !cursor.at_end() && !cursor.sees_any(&["partition", "using", "tablespace"]) {
                if cursor.sees(&["with"]) && !cursor.since(&start).to_ascii_lowercase().ends_with("values") {
                    break;
                }
                cursor.skip_one();
            }
            if let Some(partition) = &mut table.partition_of {
                partition.bound = cursor.since(&start).to_owned();
            }
        } else if cursor.eat(&["inherits"]) {
            table.inherits = cursor.group().names().iter().map(Name::qualified).collect();
        } else if cursor.eat(&["partition", "by"]) {
            let strategy = cursor.text(0).to_ascii_uppercase();
            cursor.advance();
            table.partitioning =
                Some(Partitioning { key: format!("{strategy} ({})", cursor.group().rest()) });
            table.kind = TableKind::Partitioned;
        } else if cursor.eat(&["with"]) {
            table.options = constraint::options(cursor);
        } else if cursor.eat(&["as"]) {
            from_query = true;
            reads = dml::relations_read(*cursor);
            break;
        } else if cursor.at_end() {
            break;
        } else {
            cursor.skip_one();
        }
    }
    settle(&mut table);
    Some(Statement::CreateTable(Box::new(CreateTable {
        table,
        name,
        if_not_exists,
        temporary: persistence == Persistence::Temporary,
        from_query,
        reads,
        like,
        serial,
    })))
}

/// Adds a constraint, and its index, to a table that is being read.
fn add_constraint(table: &mut Table, found: WrittenConstraint) {
    if let Some(mut index) = found.index {
        index.name = found.constraint.name.clone();
        index.constraint = Some(found.constraint.name.clone());
        table.indexes.push(index);
    }
    table.constraints.push(found.constraint);
}

/// What follows from all columns and constraints together: key columns are not null, and check constraints
/// know their columns.
fn settle(table: &mut Table) {
    let names: Vec<String> = table.columns.iter().map(|column| column.name.clone()).collect();
    let key: Vec<String> = table.primary_key().map(|(_, columns)| columns.to_vec()).unwrap_or_default();
    for column in &mut table.columns {
        column.not_null |= key.contains(&column.name);
    }
    for constraint in &mut table.constraints {
        match &mut constraint.kind {
            ConstraintKind::Check { columns, .. } => {
                let before = columns.len();
                columns.retain(|column| names.contains(column));
                // The name was chosen before it was known which names are columns.
                if before != columns.len() && columns.len() == 1 {
                    let bare = naming::object_name(&table.name.name, "", "check");
                    if constraint.name == bare {
                        constraint.name = naming::object_name(&table.name.name, &columns[0], "check");
                    }
                }
            }
            ConstraintKind::NotNull { column } => {
                let name = column.clone();
                if let Some(column) = table.columns.iter_mut().find(|column| column.name == name) {
                    column.not_null = true;
                }
            }
            _ => {}
        }
    }
    // Not-null constraints are in the catalog of some versions only: the replay adds them.
    table.constraints.retain(|constraint| !matches!(constraint.kind, ConstraintKind::NotNull { .. }));
}

/// Reads a column definition: `name type [clauses]`.
pub(super) fn column(cursor: &mut Cursor<'_>, table: &Name) -> Option<WrittenColumn> {
    let name = cursor.ident()?;
    // A partition may repeat a column of its parent without a type.
    let written = types::read(cursor)?;
    let mut found = WrittenColumn {
        column: Column {
            name: name.clone(),
            ty: written.ty,
            not_null: written.serial,
            default: None,
            identity: None,
            generated: None,
            collation: None,
            comment: None,
            grants: Vec::new(),
            statistics: None,
        },
        serial: written.serial,
        constraints: Vec::new(),
    };
    if written.serial {
        found.column.default = Some(serial_default(&table.qualified(), &name));
    }
    while !cursor.at_end() {
        let constraint_name = if cursor.eat(&["constraint"]) { cursor.ident() } else { None };
        let column = &mut found.column;
        if cursor.eat(&["not", "null"]) {
            column.not_null = true;
        } else if cursor.eat(&["default"]) {
            column.default = Some(cursor.expression(COLUMN_CLAUSES).to_owned());
        } else if cursor.eat(&["collate"]) {
            column.collation = cursor.name().map(|name| name.name);
        } else if cursor.eat(&["generated"]) {
            generated(cursor, column);
        } else if let Some(constraint) =
            constraint::column_constraint(cursor, constraint_name, &table.name, &name)
        {
            if matches!(constraint.constraint.kind, ConstraintKind::PrimaryKey { .. }) {
                column.not_null = true;
            }
            found.constraints.push(constraint);
        } else {
            cursor.skip_one();
        }
    }
    Some(found)
}

/// The default that a serial column gets, as the server prints it.
fn serial_default(table: &QName, column: &str) -> String {
    let sequence = QName::new(table.namespace.clone(), naming::object_name(&table.name, column, "seq"));
    sequence_default(&sequence)
}

/// `nextval` of a sequence, as the server prints it.
pub(crate) fn sequence_default(sequence: &QName) -> String {
    format!("nextval('{}'::regclass)", quote_name(sequence).replace('\'', "''"))
}

fn generated(cursor: &mut Cursor<'_>, column: &mut Column) {
    let identity = if cursor.eat(&["by", "default"]) { Identity::ByDefault } else { Identity::Always };
    cursor.eat(&["always"]);
    cursor.eat(&["as"]);
    if cursor.eat(&["identity"]) {
        cursor.optional_group();
        column.identity = Some(identity);
        column.not_null = true;
    } else {
        let expression = cursor.group().rest().to_owned();
        let stored = cursor.eat(&["stored"]);
        cursor.eat(&["virtual"]);
        column.generated = Some(Generated { expression, stored });
    }
}

pub(super) fn add_column(cursor: &mut Cursor<'_>, table: &Name) -> Option<AddColumn> {
    let found = column(cursor, table)?;
    Some(AddColumn {
        column: found.column,
        serial: found.serial,
        constraints: found.constraints.into_iter().map(|found| found.constraint).collect(),
    })
}
