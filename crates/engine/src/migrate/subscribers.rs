//! Logical replication carries rows and no DDL: what a migration changes of a published table, the subscribers have to have too, or
//! their workers stop at the next row. Which tables are published only the server knows.
//!
//! Sources: PostgreSQL documentation, "Logical Replication" (Restrictions, Column Lists) and "System Catalogs" (pg_publication,
//! pg_publication_tables); seen on 15 and 17: `logical replication target relation … is missing replicated column`,
//! `… does not exist`, and `publication of table … depends on column`.

use pgsteward_model::catalog::{Catalog, Column, QName, Table};
use pgsteward_model::migration::Regime;
use pgsteward_model::statement::{AlterAction, Statement};
use pgsteward_model::version::ServerVersion;
use pgsteward_sql::ddl::column_type;
use pgsteward_sql::{Births, quote_ident, quote_qualified};
use serde::Deserialize;

use super::project::MigrationFolder;

/// The publications of a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Publications(Vec<Publication>);

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
struct Publication {
    name: String,
    /// FOR ALL TABLES.
    all: bool,
    /// Rows of partitions come as those of the whole table.
    via_root: bool,
    /// TABLES IN SCHEMA.
    schemas: Vec<String>,
    tables: Vec<Sent>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
struct Sent {
    namespace: String,
    name: String,
    /// None where all are sent.
    columns: Option<Vec<String>>,
}

/// What a migration does to the tables, from one state to the next.
struct Step<'a> {
    before: &'a Catalog,
    after: &'a Catalog,
    statements: &'a [Statement],
    /// Where names without a namespace go.
    namespace: &'a str,
}

/// One text for [`Publications::read`], or NULL. None where the server has no publications yet.
pub(super) fn query(version: ServerVersion) -> Option<String> {
    let major = version.major();
    if major < 10 {
        return None;
    }
    let root =
        if major >= 12 { "coalesce(pg_catalog.pg_partition_root(sent.oid), sent.oid)" } else { "sent.oid" };
    let (schemas, columns) = match major {
        15.. => (
            "coalesce((SELECT jsonb_agg(n.nspname) FROM pg_catalog.pg_publication_namespace pn \
             JOIN pg_catalog.pg_namespace n ON n.oid = pn.pnnspid WHERE pn.pnpubid = p.oid), '[]')",
            "(SELECT jsonb_agg(a.attname ORDER BY a.attnum) FROM pg_catalog.pg_publication_rel r \
             JOIN pg_catalog.pg_attribute a ON a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs) \
             WHERE r.prpubid = p.oid AND r.prrelid IN (sent.oid, c.oid))",
        ),
        _ => ("'[]'::jsonb", "NULL::jsonb"),
    };
    Some(format!(
        "SELECT jsonb_agg(jsonb_build_object('name', p.pubname, 'all', p.puballtables, \
         'via_root', coalesce((to_jsonb(p) ->> 'pubviaroot')::boolean, false), 'schemas', {schemas}, 'tables', coalesce((\
         SELECT jsonb_agg(DISTINCT jsonb_build_object('namespace', n.nspname, 'name', c.relname, 'columns', {columns})) \
         FROM pg_catalog.pg_publication_tables v \
         JOIN pg_catalog.pg_namespace own ON own.nspname = v.schemaname \
         JOIN pg_catalog.pg_class sent ON sent.relnamespace = own.oid AND sent.relname = v.tablename \
         JOIN pg_catalog.pg_class c ON c.oid = {root} \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE v.pubname = p.pubname), '[]')) \
         ORDER BY p.pubname)::text FROM pg_catalog.pg_publication p"
    ))
}

impl Publications {
    /// From the text that [`query`] asks for.
    pub(super) fn read(text: Option<&str>) -> Result<Publications, serde_json::Error> {
        text.map_or_else(|| Ok(Publications::default()), |text| serde_json::from_str(text).map(Publications))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What subscribers have to be given, and when, a sentence for each.
    fn notes(&self, step: &Step<'_>) -> Vec<String> {
        self.0.iter().flat_map(|one| one.notes(step)).collect()
    }
}

impl Publication {
    fn notes(&self, step: &Step<'_>) -> Vec<String> {
        let mut notes = Vec::new();
        for table in step.after.tables.values() {
            match step.before.table(&table.name) {
                Some(before) => notes.extend(self.of_table(step, before, table)),
                None => notes.extend(self.of_new_table(step, table)),
            }
        }
        notes.extend(self.of_enums(step));
        notes
    }

    fn sends(&self, name: &QName) -> Option<&Sent> {
        self.tables.iter().find(|sent| sent.namespace == name.namespace && sent.name == name.name)
    }

    fn of_table(&self, step: &Step<'_>, before: &Table, after: &Table) -> Vec<String> {
        let Some(sent) = self.sends(&step.placed(&before.name)) else { return Vec::new() };
        let on = quote_qualified(&step.placed(&before.name));
        let (publication, shown) = (quote_ident(&self.name), before.name.display());
        let is_sent = |column: &Column| column.generated.is_none();
        let without = |these: &Table, others: &Table| -> Vec<Column> {
            let only = |column: &&Column| is_sent(column) && others.column(&column.name).is_none();
            these.columns.iter().filter(only).cloned().collect()
        };
        let (mut added, mut gone) = (without(after, before), without(before, after));
        let mut notes = Vec::new();
        let stops = format!("replication stops at the next row of \"{shown}\" and this server keeps its WAL");
        for (from, to) in step.renamed_columns(&before.name) {
            let (Some(at), Some(other)) = (
                added.iter().position(|column| column.name == to),
                gone.iter().position(|column| column.name == from),
            ) else {
                continue;
            };
            added.remove(at);
            gone.remove(other);
            if sent.columns.as_ref().is_none_or(|columns| columns.iter().any(|name| name == from)) {
                notes.push(format!(
                    "each subscriber of the publication {publication} needs, right behind this: ALTER TABLE {on} RENAME COLUMN {} TO {}. \
                     Until then {stops} (missing replicated column)",
                    quote_ident(from),
                    quote_ident(to)
                ));
            }
        }
        match &sent.columns {
            None if !added.is_empty() => {
                let list: Vec<String> = added
                    .iter()
                    .map(|column| format!("ADD COLUMN {} {}", quote_ident(&column.name), column_type(&column.ty)))
                    .collect();
                notes.push(format!(
                    "each subscriber of the publication {publication} needs, before this is deployed: ALTER TABLE {on} {}. Without it \
                     {stops} (missing replicated column)",
                    list.join(", ")
                ));
            }
            Some(_) if !added.is_empty() => notes.push(format!(
                "the publication {publication} sends listed columns of \"{shown}\" only, and not {}: where subscribers are to have it, add \
                 it there, then name it in ALTER PUBLICATION {publication} SET TABLE",
                named(&added)
            )),
            _ => {}
        }
        if let Some(columns) = &sent.columns {
            let retyped = retyped(before, after);
            gone.retain(|column| columns.contains(&column.name));
            gone.extend(retyped.into_iter().filter(|column| columns.contains(&column.name)));
            if !gone.is_empty() {
                notes.push(format!(
                    "the publication {publication} lists {} of \"{shown}\", and PostgreSQL refuses to drop a listed column or to change its \
                     type: leave it out (ALTER PUBLICATION {publication} SET TABLE) before, and name it again behind this",
                    named(&gone)
                ));
            }
            return notes;
        }
        if !gone.is_empty() {
            notes.push(format!(
                "subscribers of the publication {publication} keep {} of \"{shown}\", and no row brings it from then on: where it is NOT NULL \
                 without a default there, DROP NOT NULL before this is deployed, or {stops}",
                named(&gone)
            ));
        }
        let retyped = retyped(before, after);
        if !retyped.is_empty() {
            notes.push(format!(
                "each subscriber of the publication {publication} has {} of \"{shown}\" with the old type: change it there before this is \
                 deployed, or replication stops at the next value that does not fit and this server keeps its WAL",
                named(&retyped)
            ));
        }
        notes
    }

    /// One that is made, or that has another name.
    fn of_new_table(&self, step: &Step<'_>, table: &Table) -> Option<String> {
        let own = step.placed(&table.name);
        let (publication, on) = (quote_ident(&self.name), quote_qualified(&own));
        let was = step.renamed_table(&table.name).filter(|was| self.sends(&step.placed(was)).is_some());
        let stops = "replication stops at its next row (the target relation does not exist) and this server keeps its WAL";
        if let Some(was) = was {
            return Some(format!(
                "each subscriber of the publication {publication} needs, right behind this: ALTER TABLE {} RENAME TO {}. Until then {stops}",
                quote_qualified(&step.placed(&was)),
                quote_ident(&own.name)
            ));
        }
        let mut above = table.partition_of.as_ref();
        let mut of_sent = false;
        while let Some(partition) = above {
            of_sent |= self.sends(&step.placed(&partition.parent)).is_some();
            above = step.after.table(&partition.parent).and_then(|parent| parent.partition_of.as_ref());
        }
        let is_part = table.partition_of.is_some();
        let sent = self.all || self.schemas.contains(&own.namespace) || of_sent;
        (sent && !(is_part && self.via_root)).then(|| {
            format!(
                "each subscriber of the publication {publication} needs the table {on} before this is deployed, and ALTER SUBSCRIPTION … REFRESH \
                 PUBLICATION behind it. Without it {stops}"
            )
        })
    }

    /// Values of enums that columns of published tables may have from then on.
    fn of_enums(&self, step: &Step<'_>) -> Vec<String> {
        let mut notes = Vec::new();
        for (name, after) in &step.after.enums {
            let Some(before) = step.before.enums.get(name) else { continue };
            let new: Vec<String> = after
                .values
                .iter()
                .filter(|value| !before.values.contains(value))
                .map(|value| format!("'{value}'"))
                .collect();
            let holds = |column: &Column| {
                column.ty.name == name.name
                    && column.ty.namespace.as_deref().unwrap_or("public") == name.namespace
            };
            let mut tables = step.before.tables.values().filter(|table| {
                self.sends(&step.placed(&table.name)).is_some() && table.columns.iter().any(holds)
            });
            if let (false, Some(table)) = (new.is_empty(), tables.next()) {
                notes.push(format!(
                    "each subscriber of the publication {} needs the value {} of the enum {} before a row of \"{}\" has it, or replication \
                     stops there",
                    quote_ident(&self.name),
                    new.join(", "),
                    quote_qualified(&step.placed(name)),
                    table.name.display()
                ));
            }
        }
        notes
    }
}

impl Step<'_> {
    /// The name in the database: files say no namespace where the URL does.
    fn placed(&self, name: &QName) -> QName {
        if name.namespace == "public" { QName::new(self.namespace, &name.name) } else { name.clone() }
    }

    fn actions(&self) -> impl Iterator<Item = (QName, &AlterAction)> {
        let alters = self.statements.iter().filter_map(|statement| match statement {
            Statement::AlterTable(alter) => Some(alter),
            _ => None,
        });
        alters.flat_map(|alter| alter.actions.iter().map(|action| (alter.name.qualified(), action)))
    }

    fn renamed_columns(&self, table: &QName) -> impl Iterator<Item = (&str, &str)> {
        self.actions().filter(move |(on, _)| on == table).filter_map(|(_, action)| match action {
            AlterAction::RenameColumn { from, to } => Some((from.as_str(), to.as_str())),
            _ => None,
        })
    }

    fn renamed_table(&self, table: &QName) -> Option<QName> {
        self.actions().find_map(|(on, action)| match action {
            AlterAction::RenameTable { to } if *to == table.name => Some(on),
            _ => None,
        })
    }
}

fn retyped(before: &Table, after: &Table) -> Vec<Column> {
    let other = |column: &&Column| before.column(&column.name).is_some_and(|was| was.ty != column.ty);
    after.columns.iter().filter(other).cloned().collect()
}

fn named(columns: &[Column]) -> String {
    let names: Vec<String> = columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
    names.join(", ")
}

/// What one migration does to the schema, as reading all of them tells.
pub(super) struct Change {
    before: Catalog,
    after: Catalog,
    statements: Vec<Statement>,
}

impl Change {
    /// Of the text in the state that `catalog` is left behind it.
    pub(super) fn of(text: &str, catalog: &mut Catalog, births: &mut Births) -> Change {
        let before = catalog.clone();
        let analyzed = pgsteward_sql::analyze_file(text, catalog, births, Regime::OneMessage);
        let statements = analyzed.statements.into_iter().map(|one| one.statement).collect();
        Change { before, after: catalog.clone(), statements }
    }

    /// What subscribers have to be given for it.
    pub(super) fn notes(&self, publications: &Publications, namespace: &str) -> Vec<String> {
        let Change { before, after, statements } = self;
        publications.notes(&Step { before, after, statements, namespace })
    }
}

/// What is said of the wanted ones, each sentence with the migration's name before it.
pub(super) fn of_migrations(
    publications: &Publications,
    namespace: &str,
    folders: &[MigrationFolder],
    wanted: &[&MigrationFolder],
    version: ServerVersion,
) -> Vec<String> {
    if publications.is_empty() {
        return Vec::new();
    }
    let (mut catalog, mut births) = (Catalog::empty(version), Births::default());
    let mut notes = Vec::new();
    for folder in folders {
        let change = Change::of(folder.script(), &mut catalog, &mut births);
        if wanted.iter().any(|one| one.name == folder.name) {
            let own = change.notes(publications, namespace);
            notes.extend(own.into_iter().map(|note| format!("{}: {note}.", folder.name)));
        }
    }
    notes
}
