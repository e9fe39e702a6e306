//! What a migration would lose, and what it could not do where there are rows: the warnings that Prisma writes
//! above a migration and asks about before it runs one.
//!
//! Knows no database: [`Danger::needs`] says what to count, [`Danger::message`] words what was counted, or, where
//! nothing was, what may happen. Source of the texts: what Prisma's schema engine was seen to write.

use std::collections::BTreeMap;

use pgsteward_model::catalog::{Catalog, Column, ColumnType, QName, Table};

use crate::diff::{DiffOptions, SchemaStep, TableChange, TablePair, TypeChange, View, with_view};
use crate::schema::native_types;

/// One danger of one step. Names are those before the migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Danger {
    TableDropped {
        table: QName,
    },
    ColumnDropped {
        table: QName,
        column: String,
    },
    /// Dropped and made anew, because no cast leads to the new type.
    ColumnRecreated {
        table: QName,
        column: String,
    },
    /// A cast that may lose something. The types are Prisma's names of them.
    RiskyCast {
        table: QName,
        column: String,
        from: String,
        to: String,
    },
    PrimaryKeyChanged {
        table: QName,
    },
    UniqueKeyAdded {
        table: QName,
        columns: Vec<String>,
    },
    EnumValuesRemoved {
        name: QName,
        values: Vec<String>,
    },
    RequiredColumnAdded {
        table: QName,
        column: String,
        /// True where the client makes the value: rows that are there get none.
        client_default: bool,
    },
    MadeRequired {
        table: QName,
        column: String,
    },
    MadeList {
        table: QName,
        column: String,
    },
    RequiredColumnRecreated {
        table: QName,
        column: String,
    },
}

/// What was counted in the database, by table, and by column the values that are not NULL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub rows: BTreeMap<QName, u64>,
    pub values: BTreeMap<(QName, String), u64>,
}

/// What a message depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    pub rows: Option<QName>,
    pub values: Option<(QName, String)>,
}

impl Danger {
    /// True for what fails where there are rows: the migration cannot run. False for what is a warning only.
    pub fn is_unexecutable(&self) -> bool {
        match self {
            Danger::RequiredColumnAdded { .. }
            | Danger::MadeRequired { .. }
            | Danger::MadeList { .. }
            | Danger::RequiredColumnRecreated { .. } => true,
            Danger::TableDropped { .. }
            | Danger::ColumnDropped { .. }
            | Danger::ColumnRecreated { .. }
            | Danger::RiskyCast { .. }
            | Danger::PrimaryKeyChanged { .. }
            | Danger::UniqueKeyAdded { .. }
            | Danger::EnumValuesRemoved { .. } => false,
        }
    }

    pub fn needs(&self) -> Needs {
        let values = |table: &QName, column: &String| Some((table.clone(), column.clone()));
        match self {
            Danger::TableDropped { table }
            | Danger::PrimaryKeyChanged { table }
            | Danger::RequiredColumnAdded { table, .. }
            | Danger::RequiredColumnRecreated { table, .. } => {
                Needs { rows: Some(table.clone()), values: None }
            }
            Danger::ColumnDropped { table, column } | Danger::RiskyCast { table, column, .. } => {
                Needs { rows: None, values: values(table, column) }
            }
            Danger::ColumnRecreated { table, column }
            | Danger::MadeRequired { table, column }
            | Danger::MadeList { table, column } => {
                Needs { rows: Some(table.clone()), values: values(table, column) }
            }
            Danger::UniqueKeyAdded { .. } | Danger::EnumValuesRemoved { .. } => Needs::default(),
        }
    }

    /// Prisma's words. None where the counts say that there is nothing to lose.
    pub fn message(&self, counts: &Counts) -> Option<String> {
        let needs = self.needs();
        let values = needs.values.as_ref().and_then(|column| counts.values.get(column)).copied();
        let table = needs.rows.as_ref().or(needs.values.as_ref().map(|(table, _)| table));
        let rows = table.and_then(|table| counts.rows.get(table)).copied();
        if rows == Some(0) {
            return None;
        }
        match self {
            Danger::MadeRequired { table, column } => made_required(&table.name, column, rows, values),
            _ if values == Some(0) => None,
            _ => Some(self.words(rows, values)),
        }
    }

    fn words(&self, rows: Option<u64>, values: Option<u64>) -> String {
        match self {
            Danger::TableDropped { table } => {
                let rest = match rows {
                    Some(rows) => format!(", which is not empty ({rows} rows)."),
                    None => ". If the table is not empty, all the data it contains will be lost.".to_owned(),
                };
                format!("You are about to drop the `{}` table{rest}", table.name)
            }
            Danger::ColumnDropped { table, column } => {
                let rest = match values {
                    Some(values) => format!(", which still contains {values} non-null values."),
                    None => ". All the data in the column will be lost.".to_owned(),
                };
                format!("You are about to drop the column `{column}` on the `{}` table{rest}", table.name)
            }
            Danger::ColumnRecreated { table, column } => {
                let rest = if values.is_some() { "" } else { " if there is data in the column" };
                format!(
                    "The `{column}` column on the `{}` table would be dropped and recreated. This will lead to data loss{rest}.",
                    table.name
                )
            }
            Danger::RiskyCast { table, column, from, to } => {
                let rest = match values {
                    Some(values) => format!(", which contains {values} non-null values."),
                    None => ". The data in that column could be lost.".to_owned(),
                };
                format!(
                    "You are about to alter the column `{column}` on the `{}` table{rest} The data in that column will be cast from `{from}` to `{to}`.",
                    table.name
                )
            }
            Danger::PrimaryKeyChanged { table } => format!(
                "The primary key for the `{}` table will be changed. If it partially fails, the table could be left without primary key constraint.",
                table.name
            ),
            Danger::UniqueKeyAdded { table, columns } => format!(
                "A unique constraint covering the columns `[{}]` on the table `{}` will be added. If there are existing duplicate values, this will fail.",
                columns.join(","),
                table.name
            ),
            Danger::EnumValuesRemoved { name, values } => format!(
                "The values [{}] on the enum `{}` will be removed. If these variants are still used in the database, this will fail.",
                values.join(","),
                name.name
            ),
            Danger::RequiredColumnAdded { table, column, client_default } => {
                required_added(&table.name, column, *client_default, rows)
            }
            Danger::MadeRequired { table, column } => {
                made_required(&table.name, column, rows, values).unwrap_or_default()
            }
            Danger::MadeList { table, column } => {
                let rest = match values {
                    Some(values) => format!(
                        "There are {values} existing non-null values in that column, this step cannot be executed."
                    ),
                    None => "If there are non-null values in that column, this step will fail.".to_owned(),
                };
                format!(
                    "Changed the column `{column}` on the `{}` table from a scalar field to a list field. {rest}",
                    table.name
                )
            }
            Danger::RequiredColumnRecreated { table, column } => {
                let rest = match rows {
                    Some(_) => "since the column is required and there is data in the table",
                    None => "if there is data, since the column is required",
                };
                format!(
                    "Changed the type of `{column}` on the `{}` table. No cast exists, the column would be dropped and recreated, which cannot be done {rest}.",
                    table.name
                )
            }
        }
    }
}

fn required_added(table: &str, column: &str, client_default: bool, rows: Option<u64>) -> String {
    let rest = match rows {
        Some(rows) => {
            format!("There are {rows} rows in this table, it is not possible to execute this step.")
        }
        None => "This is not possible if the table is not empty.".to_owned(),
    };
    if client_default {
        return format!(
            "The required column `{column}` was added to the `{table}` table with a prisma-level default value. {rest} Please add this column as optional, then populate it before making it required."
        );
    }
    format!("Added the required column `{column}` to the `{table}` table without a default value. {rest}")
}

fn made_required(table: &str, column: &str, rows: Option<u64>, values: Option<u64>) -> Option<String> {
    let (Some(rows), Some(values)) = (rows, values) else {
        return Some(format!(
            "Made the column `{column}` on table `{table}` required. This step will fail if there are existing NULL values in that column."
        ));
    };
    let nulls = rows.saturating_sub(values);
    (nulls > 0).then(|| {
        format!(
            "Made the column `{column}` on table `{table}` required, but there are {nulls} existing NULL values."
        )
    })
}

/// The dangers of steps that [`crate::diff::diff`] found between the same catalogs with the same options, each
/// with the position of its step.
pub fn dangers(
    steps: &[SchemaStep],
    from: &Catalog,
    to: &Catalog,
    options: &DiffOptions,
) -> Vec<(usize, Danger)> {
    with_view(from, to, options, |view| {
        let mut found = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            of_step(step, view, &mut |danger| found.push((at, danger)));
        }
        found
    })
}

fn of_step(step: &SchemaStep, view: View<'_>, push: &mut impl FnMut(Danger)) {
    match step {
        SchemaStep::AlterTable { table, changes } => {
            let (before, after) = (view.before.catalog.table(table), view.after.catalog.table(table));
            if let (Some(before), Some(after)) = (before, after) {
                let pair = TablePair::new(view, before, after);
                changes.iter().filter_map(|change| of_change(change, &pair, view)).flatten().for_each(push);
            }
        }
        SchemaStep::DropTable { table } => push(Danger::TableDropped { table: table.clone() }),
        SchemaStep::CreateIndex { table, index }
            if index.unique && !index.rebuilt && view.before.catalog.table(table).is_some() =>
        {
            let columns = index.keys.iter().map(|key| key.column.clone()).collect();
            push(Danger::UniqueKeyAdded { table: table.clone(), columns });
        }
        SchemaStep::AlterEnum(change) if !change.dropped.is_empty() => {
            push(Danger::EnumValuesRemoved { name: change.name.clone(), values: change.dropped.clone() });
        }
        _ => {}
    }
}

fn of_change(change: &TableChange, pair: &TablePair<'_>, view: View<'_>) -> Option<Vec<Danger>> {
    let table = pair.before.name.clone();
    let columns = |name: &str| Some((pair.before.column(name)?, pair.after.column(name)?));
    Some(match change {
        TableChange::DropPrimaryKey { .. } => vec![Danger::PrimaryKeyChanged { table }],
        TableChange::DropColumn { name } => vec![Danger::ColumnDropped { table, column: name.clone() }],
        TableChange::AddColumn(new) => {
            let column = pair.after.column(&new.name)?;
            if !required_without_default(view, pair.after, column) {
                return None;
            }
            let place = (pair.after.name.clone(), column.name.clone());
            let client_default = view.options.hints.client_defaults.contains(&place);
            vec![Danger::RequiredColumnAdded { table, column: new.name.clone(), client_default }]
        }
        TableChange::AlterColumn { name, .. } => {
            let (before, after) = columns(name)?;
            altered(table, before, after, pair, view)
        }
        TableChange::RecreateColumn(new) => {
            let (before, after) = columns(&new.name)?;
            let column = new.name.clone();
            let was_nullable = !before.not_null && before.ty.array == 0;
            vec![match required_without_default(view, pair.after, after) {
                true if was_nullable => Danger::RequiredColumnAdded { table, column, client_default: false },
                true => Danger::RequiredColumnRecreated { table, column },
                false => Danger::ColumnRecreated { table, column },
            }]
        }
        TableChange::RenamePrimaryKey { .. } | TableChange::AddPrimaryKey { .. } => return None,
    })
}

fn altered(
    table: QName,
    before: &Column,
    after: &Column,
    pair: &TablePair<'_>,
    view: View<'_>,
) -> Vec<Danger> {
    let mut found = Vec::new();
    let column = before.name.clone();
    let (was_list, is_list) = (before.ty.array > 0, after.ty.array > 0);
    if !was_list && !before.not_null && !is_list && after.not_null {
        found.push(Danger::MadeRequired { table: table.clone(), column: column.clone() });
    }
    if !was_list && is_list {
        found.push(Danger::MadeList { table: table.clone(), column: column.clone() });
    }
    if pair.type_change(before, after) == (TypeChange::Cast { risky: true }) {
        let from =
            type_name(view.column_type(before, false), view.has_written_type(pair.before, before, false));
        let to = type_name(view.column_type(after, true), view.has_written_type(pair.after, after, true));
        found.push(Danger::RiskyCast { table, column, from, to });
    }
    found
}

fn required_without_default(view: View<'_>, table: &Table, column: &Column) -> bool {
    let default = column.default.is_some()
        || column.identity.is_some()
        || view.written_default(table, column, true).is_some();
    column.not_null && column.ty.array == 0 && !default
}

/// `VarChar(255)`; `Unsupported("interval")` where Prisma has no name. `bare` leaves implied arguments out.
fn type_name(ty: &ColumnType, bare: bool) -> String {
    let Some(name) = native_types::name_of(&ty.name) else {
        return format!("Unsupported({:?})", ColumnType { array: 0, ..ty.clone() }.to_string());
    };
    let arguments: Vec<String> = ty.modifiers.iter().map(i32::to_string).collect();
    if arguments.is_empty() || bare {
        return name.to_owned();
    }
    format!("{name}({})", arguments.join(","))
}

/// The comment that Prisma writes above a migration, and nothing where there is nothing to warn of. It speaks of
/// any database, so nothing is counted for it.
pub fn comment(dangers: &[(usize, Danger)]) -> String {
    let counts = Counts::default();
    let words = |unexecutable: bool| {
        let wanted = dangers.iter().filter(move |(_, danger)| danger.is_unexecutable() == unexecutable);
        wanted.filter_map(|(_, danger)| danger.message(&counts))
    };
    let lines: String = words(false).chain(words(true)).map(|message| format!("  - {message}\n")).collect();
    if lines.is_empty() {
        return lines;
    }
    format!("/*\n  Warnings:\n\n{lines}\n*/\n")
}
