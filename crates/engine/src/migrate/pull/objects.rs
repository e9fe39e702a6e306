//! What a database holds and a Prisma schema cannot say, in a SQL file beside the migrations:
//! `prisma/pgsteward.objects.sql`.
//!
//! The file is plain SQL, one statement after the other, in an order in which they run. Lines that begin with
//! [`BEFORE`] and [`AFTER`] part it: what the schema's own objects rest on (extensions, types, functions of
//! defaults) runs before them, everything else on top of them. Who builds a database from the schema alone (a shadow
//! database, a baseline) runs the first part, the schema's SQL, the second part, and then has the catalog that was
//! pulled. [`read`] takes the file apart.

use std::path::{Path, PathBuf};

use pgsteward_model::catalog::Catalog;
use pgsteward_model::catalog_compare::{ColumnOrder, differences};
use pgsteward_prisma::introspect::{carried, within};
use pgsteward_sql::ddl;

use super::super::error::MigrateError;
use super::super::project::{MigrateProject, read_utf8};

pub const FILE: &str = "pgsteward.objects.sql";
pub const BEFORE: &str = "-- pgsteward: before the schema";
pub const AFTER: &str = "-- pgsteward: after the schema";

const HEADER: &str = "-- pgsteward objects, version 1\n\
    -- What the database holds and the Prisma schema cannot say. `pgsteward db pull` writes this file anew;\n\
    -- `pgsteward migrate dev` keeps what is in it.\n";

/// The statements, and what they are about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Objects {
    pub before: Vec<String>,
    pub after: Vec<String>,
    /// `trigger public.Order.touch`, `table public.Order`: what differs from what the schema says.
    pub names: Vec<String>,
    /// What no statement is written for, and why.
    pub left_out: Vec<(String, String)>,
}

impl Objects {
    pub fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }
}

/// What the schema that is pulled from this catalog does not say. `extensions` are those that it names.
pub fn of(catalog: &Catalog, namespaces: &[String], extensions: &[String]) -> Objects {
    let live = within(catalog, namespaces);
    let said = carried(catalog, namespaces, extensions);
    let foundation = foundation(&live, &said);
    let mut rests = said.clone();
    rests.extensions.extend(foundation.extensions.clone());
    rests.composites.extend(foundation.composites.clone());
    rests.ranges.extend(foundation.ranges.clone());
    rests.functions.extend(foundation.functions.clone());
    let diff = ddl::diff(&rests, &live);
    let names = differences(&said, &live, ColumnOrder::Ignored).into_iter().map(|one| one.object);
    let mut names: Vec<String> = names.collect();
    names.dedup();
    let made = foundation.extensions.len()
        + foundation.composites.len()
        + foundation.ranges.len()
        + foundation.functions.len();
    Objects {
        before: if made == 0 { Vec::new() } else { ddl::create(&foundation) },
        after: diff.statements,
        names,
        left_out: diff.left_out,
    }
}

/// What the schema's own tables need to be made: extensions, types of columns that it only names, functions in
/// defaults.
fn foundation(live: &Catalog, said: &Catalog) -> Catalog {
    let mut found = Catalog::empty(live.version);
    found.namespaces = live.namespaces.clone();
    found.extensions = live.extensions.clone();
    found.extensions.retain(|name, _| !said.extensions.contains_key(name));
    let columns = || said.tables.values().flat_map(|table| &table.columns);
    let of_column = |name: &pgsteward_model::catalog::QName| {
        columns().any(|one| one.ty.namespace.as_ref() == Some(&name.namespace) && one.ty.name == name.name)
    };
    found.composites = live.composites.clone();
    found.composites.retain(|name, _| of_column(name));
    found.ranges = live.ranges.clone();
    found.ranges.retain(|name, _| of_column(name));
    found.functions = live.functions.clone();
    found.functions.retain(|id, _| {
        let call = format!("{}(", pgsteward_sql::quote_qualified(&id.name));
        let plain = format!("{}.{}(", id.name.namespace, id.name.name);
        columns()
            .filter_map(|column| column.default.as_ref())
            .any(|text| text.contains(&call) || text.contains(&plain))
    });
    found
}

/// Beside the folder of the migrations: `prisma/pgsteward.objects.sql`.
pub fn path(project: &MigrateProject) -> PathBuf {
    project.migrations_folder.parent().unwrap_or(&project.root).join(FILE)
}

/// Writes the file, or takes away the one that an earlier pull wrote where there is nothing left to say. True where
/// the file is there afterwards.
pub(super) fn write(path: &Path, objects: &Objects) -> Result<bool, MigrateError> {
    if !objects.is_empty() {
        super::write(path, &text(objects))?;
        return Ok(true);
    }
    if path.is_file() && read_utf8(path)?.starts_with("-- pgsteward objects,") {
        std::fs::remove_file(path).map_err(|error| super::unwritable(path, &error))?;
    }
    Ok(false)
}

fn text(objects: &Objects) -> String {
    let mut out = HEADER.to_owned();
    for (mark, statements) in [(BEFORE, &objects.before), (AFTER, &objects.after)] {
        out.push_str(&format!("\n{mark}\n"));
        for statement in statements {
            out.push_str(&format!("\n{};\n", statement.trim_end().trim_end_matches(';')));
        }
    }
    out
}

/// The two parts of the project's file, each one text to be sent as it is; none where there is no file. A file
/// without marks is all "after".
pub fn read(project: &MigrateProject) -> Result<Option<(String, String)>, MigrateError> {
    let path = path(project);
    if !path.is_file() {
        return Ok(None);
    }
    Ok(Some(parts(&read_utf8(&path)?)))
}

fn parts(text: &str) -> (String, String) {
    let (mut before, mut after) = (String::new(), String::new());
    let mut first = false;
    for line in text.split_inclusive('\n') {
        match line.trim_end() {
            BEFORE => first = true,
            AFTER => first = false,
            _ if first => before.push_str(line),
            _ => after.push_str(line),
        }
    }
    (before, after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let objects = Objects {
            before: vec!["CREATE EXTENSION citext".into()],
            after: vec![
                "CREATE FUNCTION f() AS $$\n-- pgsteward: before\n;$$".into(),
                "DROP INDEX a;".into(),
            ],
            ..Objects::default()
        };
        let (before, after) = parts(&text(&objects));
        assert_eq!(before.trim(), "CREATE EXTENSION citext;");
        assert!(
            after.ends_with("CREATE FUNCTION f() AS $$\n-- pgsteward: before\n;$$;\n\nDROP INDEX a;\n"),
            "{after}"
        );
        assert_eq!(parts("SELECT 1;\n"), (String::new(), "SELECT 1;\n".to_owned()));
    }
}
