//! What a migration does to rows, read in its statements: no catalog shows it.

use pgsteward_model::catalog::{Column, QName, Table};
use pgsteward_model::migrate::rollback::Loss;
use pgsteward_model::migration::{MigrationFile, MigrationStatement};
use pgsteward_model::statement::{Name, Statement};

use super::state::State;
use crate::migrate::plan;

/// What stays changed although the structure is as it was. Rows of tables that the migration makes go with the
/// tables, and values of columns that it adds with the columns.
pub(super) fn kept_changes(file: &MigrationFile, text: &str, before: &State) -> Vec<Loss> {
    let mut losses = Vec::new();
    for one in &file.statements {
        let line = line(text, one);
        let known = |name: &Name| table(before, name);
        let mut rows = |name: &QName, why: String| {
            losses.push(Loss { what: format!("rows of {}", quoted(name)), why });
        };
        for name in changes(&one.statement).iter().filter_map(known) {
            rows(&name, format!("a WITH query in line {line} changes them"));
        }
        match &one.statement {
            Statement::Update { table, columns, .. } => {
                let Some(name) = known(table) else { continue };
                let old = before.catalog.table(&name);
                let kept: Vec<String> = columns
                    .iter()
                    .filter(|column| old.is_some_and(|table| table.column(column).is_some()))
                    .map(|column| format!("\"{column}\""))
                    .collect();
                if columns.is_empty() || !kept.is_empty() {
                    rows(&name, format!("UPDATE in line {line} changes {}", kept.join(", ")));
                }
            }
            Statement::Insert { table, .. } | Statement::Copy { table: Some(table), from: true, .. } => {
                if let Some(name) = known(table) {
                    rows(&name, format!("those that line {line} puts in stay"));
                }
            }
            Statement::Delete { table, .. } => {
                if let Some(name) = known(table) {
                    rows(&name, format!("those that DELETE in line {line} removes are gone"));
                }
            }
            Statement::Merge { table, .. } => {
                if let Some(name) = known(table) {
                    rows(&name, format!("MERGE in line {line} changes them"));
                }
            }
            Statement::Truncate { tables, .. } => {
                for name in tables.iter().filter_map(known) {
                    rows(&name, format!("TRUNCATE in line {line} removes them"));
                }
            }
            Statement::Do { body } if writes_rows(body) => match plan::fill(&before.catalog, body) {
                Some(fill) => fill
                    .changes
                    .iter()
                    .for_each(|change| rows(&fill.table, format!("the fill in line {line} {change}"))),
                None => losses.push(Loss {
                    what: "rows".into(),
                    why: format!("the DO block in line {line} writes rows, which nobody can read from it"),
                }),
            },
            Statement::Call { name } => losses.push(Loss {
                what: "rows".into(),
                why: format!("the procedure \"{}\" called in line {line} may change them", name.name),
            }),
            _ => {}
        }
    }
    losses.sort();
    losses.dedup();
    losses
}

/// Tables that statements of the file write to and that were there before.
pub(super) fn written(file: &MigrationFile, before: &State) -> Vec<QName> {
    let of = |one: &MigrationStatement| -> Vec<QName> {
        let mut names: Vec<&Name> = match &one.statement {
            Statement::Update { table, reads, .. }
            | Statement::Insert { table, reads, .. }
            | Statement::Delete { table, reads, .. }
            | Statement::Merge { table, reads, .. } => std::iter::once(table).chain(reads).collect(),
            Statement::Truncate { tables, .. } => tables.iter().collect(),
            _ => Vec::new(),
        };
        names.extend(changes(&one.statement));
        names.into_iter().filter_map(|name| table(before, name)).collect()
    };
    file.statements.iter().flat_map(of).collect()
}

/// Tables whose rows the `WITH` queries of a statement change.
fn changes(statement: &Statement) -> &[Name] {
    match statement {
        Statement::Insert { changes, .. }
        | Statement::Update { changes, .. }
        | Statement::Delete { changes, .. }
        | Statement::Merge { changes, .. }
        | Statement::Select { changes, .. } => changes,
        _ => &[],
    }
}

fn table(before: &State, name: &Name) -> Option<QName> {
    let name = name.qualified();
    before.catalog.table(&name).map(|table| table.name.clone())
}

/// Words of a block that may write; what it calls is not looked into.
pub(in crate::migrate) fn writes_rows(body: &str) -> bool {
    let upper = body.to_ascii_uppercase();
    ["INSERT INTO", "UPDATE ", "DELETE FROM", "TRUNCATE", "MERGE INTO"]
        .iter()
        .any(|word| upper.contains(word))
}

/// Whether the column is of the primary key and nothing gives it a value: where it is added, a table must have no rows.
pub(super) fn is_bare_key(table: &Table, column: &str) -> bool {
    let in_key = table.primary_key().is_some_and(|(_, columns)| columns.iter().any(|name| name == column));
    let bare =
        |column: &Column| column.default.is_none() && column.identity.is_none() && column.generated.is_none();
    in_key && table.column(column).is_some_and(bare)
}

pub(super) fn quoted(name: &QName) -> String {
    format!("\"{}\"", name.display())
}

fn line(text: &str, one: &MigrationStatement) -> usize {
    1 + text.get(..one.span.start).unwrap_or_default().matches('\n').count()
}
