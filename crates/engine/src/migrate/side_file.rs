//! The objects that `db pull` found and the schema has no word for (`pgsteward.objects.sql`), as `migrate dev` honours
//! them: what the file makes is wanted, so no step may undo it and none of it is drift; the first migration of a
//! project makes it.

use pgsteward_model::catalog::{Catalog, Column, Index, QName, Table};
use pgsteward_model::migrate::dev::KeptObject;
use pgsteward_prisma::diff::{SchemaStep, TableChange};
use pgsteward_prisma::render;

use super::error::MigrateError;
use super::project::MigrateProject;
use super::pull::objects;
use super::shadow::{Script, Shadow};
use crate::Progress;

/// The file, and what a database is that schema and file make together.
pub(super) struct SideFile {
    /// Runs before the schema's own SQL.
    pub(super) before: String,
    /// Runs behind it.
    pub(super) after: String,
    pub(super) catalog: Catalog,
}

impl SideFile {
    /// None where the project has none. `schema` is the SQL that makes the schema from nothing.
    pub(super) async fn read(
        project: &MigrateProject,
        shadow: &Shadow,
        schema: &str,
        progress: &dyn Progress,
    ) -> Result<Option<Result<SideFile, String>>, MigrateError> {
        let Some((before, after)) = objects::read(project)? else { return Ok(None) };
        let scripts = [
            Script { name: "pgsteward.objects.sql (before the schema)", text: &before },
            Script { name: "the schema", text: schema },
            Script { name: "pgsteward.objects.sql (after the schema)", text: &after },
        ];
        match shadow.replay(&scripts, progress).await {
            Ok(made) => Ok(Some(Ok(SideFile { before, after, catalog: made.catalog }))),
            // A schema that has moved on may not fit the file any more: it is said, and the file is not honoured.
            Err(error) if error.code == Some("P3006") => Ok(Some(Err(error.message))),
            Err(error) => Err(error),
        }
    }

    /// The first migration of a project: the file around the schema's SQL.
    pub(super) fn around(&self, schema: &str) -> String {
        let parts = [self.before.trim(), schema.trim(), self.after.trim()];
        let mut out = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n");
        out.push('\n');
        out
    }
}

/// The steps without those about objects that are in `there` as `wanted` has them, and what was kept by that.
/// Both catalogs name their namespaces alike.
pub(super) fn settled(
    steps: Vec<SchemaStep>,
    there: &Catalog,
    wanted: &Catalog,
) -> (Vec<SchemaStep>, Vec<KeptObject>) {
    let mut kept = Vec::new();
    let mut rest = Vec::with_capacity(steps.len());
    for step in steps {
        match step {
            SchemaStep::AlterTable { table, changes } => {
                let (before, after) = (there.table(&table), wanted.table(&table));
                let changes: Vec<TableChange> =
                    changes.into_iter().filter(|change| !column_is_settled(change, before, after)).collect();
                if !changes.is_empty() {
                    rest.push(SchemaStep::AlterTable { table, changes });
                }
            }
            step if is_settled(&step, there, wanted) => {
                if let Some(what) = dropped(&step) {
                    let mut drop = render::statements(&step).join(";\n");
                    drop.push(';');
                    kept.push(KeptObject { what, why: format!("{} has it", objects::FILE), drop });
                }
            }
            step => rest.push(step),
        }
    }
    (rest, kept)
}

/// The steps from the history to the database without those about objects that the file alone makes. What the schema says itself
/// (`said`) is for a migration to bring: in a database that no migration brought it to, it is drift.
pub(super) fn settled_drift(
    steps: Vec<SchemaStep>,
    there: &Catalog,
    wanted: &Catalog,
    said: &Catalog,
) -> Vec<SchemaStep> {
    let (mut of_schema, mut others) = (Vec::new(), Vec::new());
    for step in steps {
        match step {
            SchemaStep::AlterTable { table, changes } => {
                let added = |change: &TableChange| match change {
                    TableChange::AddColumn(column) => {
                        said.table(&table).is_some_and(|table| table.column(&column.name).is_some())
                    }
                    _ => false,
                };
                let (added, changes): (Vec<_>, Vec<_>) = changes.into_iter().partition(added);
                if !added.is_empty() {
                    of_schema.push(SchemaStep::AlterTable { table: table.clone(), changes: added });
                }
                if !changes.is_empty() {
                    others.push(SchemaStep::AlterTable { table, changes });
                }
            }
            step => {
                let says = match &step {
                    SchemaStep::CreateIndex { table, index } => {
                        said.table(table).is_some_and(|table| table.index(&index.name).is_some())
                    }
                    SchemaStep::AddForeignKey { table, name, .. } => {
                        said.table(table).is_some_and(|table| table.constraint(name).is_some())
                    }
                    _ => false,
                };
                if says { of_schema.push(step) } else { others.push(step) }
            }
        }
    }
    of_schema.extend(settled(others, there, wanted).0);
    of_schema
}

fn is_settled(step: &SchemaStep, there: &Catalog, wanted: &Catalog) -> bool {
    let index = |table: &QName, name: &str| {
        let plain = |catalog: &Catalog| catalog.table(table)?.index(name).map(plain_index);
        plain(there).is_some() && plain(there) == plain(wanted)
    };
    let constraint = |table: &QName, name: &str| {
        let of = |catalog: &Catalog| catalog.table(table)?.constraint(name).cloned();
        of(there).is_some() && of(there) == of(wanted)
    };
    match step {
        SchemaStep::DropIndex { table, name } | SchemaStep::RenameIndex { table, from: name, .. } => {
            index(table, name)
        }
        SchemaStep::CreateIndex { table, index: new } => index(table, &new.name),
        SchemaStep::DropForeignKey { table, name }
        | SchemaStep::AddForeignKey { table, name, .. }
        | SchemaStep::RenameForeignKey { table, from: name, .. } => constraint(table, name),
        SchemaStep::DropTable { table } => there.table(table).is_some() && wanted.table(table).is_some(),
        SchemaStep::DropEnum { name } => there.enums.contains_key(name) && wanted.enums.contains_key(name),
        _ => false,
    }
}

fn column_is_settled(change: &TableChange, there: Option<&Table>, wanted: Option<&Table>) -> bool {
    let name = match change {
        TableChange::AlterColumn { name, .. } | TableChange::DropColumn { name } => name,
        TableChange::RecreateColumn(column) | TableChange::AddColumn(column) => &column.name,
        _ => return false,
    };
    let plain = |table: Option<&Table>| table?.column(name).map(plain_column);
    plain(there).is_some() && plain(there) == plain(wanted)
}

fn plain_index(index: &Index) -> Index {
    Index { statistics: None, ..index.clone() }
}

fn plain_column(column: &Column) -> Column {
    Column { statistics: None, grants: Vec::new(), ..column.clone() }
}

fn dropped(step: &SchemaStep) -> Option<String> {
    match step {
        SchemaStep::DropIndex { table, name } => Some(format!("index \"{name}\" on \"{}\"", table.display())),
        SchemaStep::DropTable { table } => Some(format!("table \"{}\"", table.display())),
        SchemaStep::DropEnum { name } => Some(format!("enum \"{}\"", name.display())),
        _ => None,
    }
}
