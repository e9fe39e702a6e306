//! Replays statements on a catalog, purely: what each locks, rewrites and scans in the state it meets, and
//! what the catalog is afterwards.
//!
//! Nothing here knows data. A statement that would fail on a server is applied as far as it makes sense: the
//! lab is the judge of failures. What is not understood makes `unknown` true, on the table where that can be
//! told, else on the effect.

mod alter;
mod births;
mod body;
mod create;
mod drop;
mod expression;
mod index;
mod locks;
mod objects;
mod rename;
mod rewrite;
mod types;

use std::sync::Arc;

use pgsteward_model::catalog::{Catalog, QName, Table};
use pgsteward_model::effect::{Effect, Touch, Work};
use pgsteward_model::lock::LockMode;
use pgsteward_model::place::{ObjectKind, ObjectRef};
use pgsteward_model::statement::{Name, ReindexTarget, Statement};
use pgsteward_model::version::ServerVersion;

pub use births::Births;
pub use expression::{read_from_row, rename_column_in_expression, rename_in_expression};

/// Applies one statement to the catalog and says what it does there. The state before the statement is in
/// the effect's touches.
///
/// Sources: PostgreSQL documentation, "Explicit Locking" and the notes of each command; for `ALTER TABLE`,
/// `AlterTableGetLockLevel` of PostgreSQL (src/backend/commands/tablecmds.c).
pub fn apply(catalog: &mut Catalog, statement: &Statement, births: &mut Births) -> Effect {
    let mut replay = Replay { catalog, births, effect: Effect::default() };
    replay.statement(statement);
    replay.effect
}

pub(crate) struct Replay<'a> {
    catalog: &'a mut Catalog,
    births: &'a mut Births,
    effect: Effect,
}

impl Replay<'_> {
    fn version(&self) -> ServerVersion {
        self.catalog.version
    }

    fn is_relation(&self, name: &QName) -> bool {
        self.catalog.tables.contains_key(name)
            || self.catalog.views.contains_key(name)
            || self.catalog.sequences.contains_key(name)
    }

    fn in_path(&self, name: &Name, exists: impl Fn(&QName) -> bool) -> QName {
        if let Some(namespace) = &name.namespace {
            return QName::new(namespace.clone(), name.name.clone());
        }
        let candidates =
            self.births.search_path.iter().map(|namespace| QName::new(namespace.clone(), &*name.name));
        let mut first = None;
        for candidate in candidates {
            if exists(&candidate) {
                return candidate;
            }
            first.get_or_insert(candidate);
        }
        first.unwrap_or_else(|| name.qualified())
    }

    /// The relation that a name means here; where there is none, the name it would be made under.
    fn relation(&self, name: &Name) -> QName {
        self.in_path(name, |candidate| self.is_relation(candidate))
    }

    /// The name that a new object gets.
    fn new_name(&self, name: &Name) -> QName {
        self.in_path(name, |_| false)
    }

    /// A name that the lowering had to qualify with `public` because it knows no search path.
    fn requalified(&self, name: &QName) -> QName {
        if name.namespace == "public" && !self.is_relation(name) {
            return self.relation(&Name::new(None, &name.name));
        }
        name.clone()
    }

    fn is_temporary(&self, name: &Name) -> bool {
        name.namespace.as_deref().is_none_or(|namespace| namespace == "pg_temp")
            && self.births.temporary.contains(&name.name)
    }

    fn table(&self, name: &QName) -> Option<&Table> {
        self.catalog.table(name)
    }

    /// Notes a lock on a relation; the strongest wins. A relation that is not in the catalog is noted too:
    /// the statement names it, so it is there or the statement fails.
    fn touch(&mut self, relation: &QName, lock: LockMode) -> &mut Touch {
        let at = self.effect.touches.iter().position(|touch| touch.relation == *relation);
        let at = at.unwrap_or_else(|| {
            self.effect.touches.push(Touch {
                relation: relation.clone(),
                lock,
                rewrite: None,
                scan: None,
                builds_index: false,
                age: self.births.age(relation),
                before: self.catalog.tables.get(relation).map(Arc::clone),
            });
            self.effect.touches.len() - 1
        });
        let touch = &mut self.effect.touches[at];
        touch.lock = touch.lock.max(lock);
        touch
    }

    fn touch_name(&mut self, name: &Name, lock: LockMode) {
        if !self.is_temporary(name) {
            let relation = self.relation(name);
            self.touch(&relation, lock);
        }
    }

    fn touch_names(&mut self, names: &[Name], lock: LockMode) {
        for name in names {
            self.touch_name(name, lock);
        }
    }

    /// Partitions and inheriting tables, all levels, in name order.
    fn descendants(&self, parent: &QName) -> Vec<QName> {
        let mut found: Vec<QName> = Vec::new();
        let mut open = vec![parent.clone()];
        while let Some(parent) = open.pop() {
            for table in self.catalog.tables.values() {
                let child = table.partition_of.as_ref().is_some_and(|of| of.parent == parent)
                    || table.inherits.contains(&parent);
                if child && !found.contains(&table.name) {
                    found.push(table.name.clone());
                    open.push(table.name.clone());
                }
            }
        }
        found.sort();
        found
    }

    fn created(&mut self, object: ObjectRef) {
        self.effect.created.push(object);
    }

    fn dropped(&mut self, object: ObjectRef) {
        self.effect.dropped.push(object);
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::CreateTable(create) => self.create_table(create),
            Statement::AlterTable(alter) => self.alter_table(alter),
            Statement::CreateIndex(create) => self.create_index(create),
            Statement::CreateView { name, materialized, or_replace, if_not_exists, definition, options } => {
                self.create_view(name, *materialized, *or_replace, *if_not_exists, definition, options);
            }
            Statement::CreateEnum { value, name } => self.create_enum(name, value),
            Statement::AlterEnum { name, action } => self.alter_enum(name, action),
            Statement::CreateDomain { name, base, not_null, default, checks } => {
                self.create_domain(name, base, *not_null, default.as_deref(), checks);
            }
            Statement::AlterDomain { name, action } => self.alter_domain(name, action),
            Statement::CreateComposite { name, attributes } => self.create_composite(name, attributes),
            Statement::CreateSequence { name, if_not_exists, value } => {
                self.create_sequence(name, *if_not_exists, value);
            }
            Statement::AlterSequence { name, owned_by, options, .. } => {
                self.alter_sequence(name, owned_by.as_ref(), options);
            }
            Statement::CreateSchema { name, .. } => {
                if !self.catalog.namespaces.contains_key(name) {
                    self.catalog.namespaces.entry(name.clone()).or_default();
                    self.created(ObjectRef::named(ObjectKind::Schema, name));
                }
            }
            Statement::CreateExtension { name, schema, .. } => self.create_extension(name, schema.as_deref()),
            Statement::CreateFunction { name, value, .. } => self.create_function(name, value),
            Statement::CreateTrigger { table, value, .. } => self.create_trigger(table, value),
            Statement::CreatePolicy { table, value } => self.create_policy(table, value),
            Statement::CreateStatistics { table } => self.touch_name(table, LockMode::ShareUpdateExclusive),
            Statement::AlterPolicy { table, .. } => {
                self.touch_name(table, LockMode::AccessExclusive);
                let table = self.relation(table);
                self.forget(&table);
            }
            Statement::Drop { kind, names, on, if_exists, cascade, concurrently } => {
                self.drop_objects(*kind, names, on.as_ref(), *if_exists, *cascade, *concurrently);
            }
            Statement::Rename { kind, name, on, to } => self.rename(*kind, name, on.as_ref(), to),
            Statement::SetSchema { kind, name, to } => self.set_schema(*kind, name, to),
            Statement::Grant { privileges, objects, roles, revoke } => {
                self.grant(privileges, objects, roles, *revoke);
            }
            Statement::Comment { kind, name, column, text } => {
                self.comment(*kind, name, column.as_deref(), text.as_deref());
            }
            Statement::Set { name, value, .. } => self.set(name, value),
            Statement::Reset { name } => {
                if name.as_deref().is_none_or(|name| name == "search_path") {
                    self.births.search_path = vec!["public".to_owned()];
                }
            }
            Statement::Do { body } => self.anonymous_block(body),
            Statement::Call { .. } | Statement::Unparsed => self.effect.unknown = true,
            Statement::Other { keyword } => self.other(keyword),
            _ => self.rows_and_maintenance(statement),
        }
    }

    /// Statements that leave the catalog as it is.
    fn rows_and_maintenance(&mut self, statement: &Statement) {
        match statement {
            Statement::Insert { table, reads, changes, .. }
            | Statement::Update { table, reads, changes, .. }
            | Statement::Delete { table, reads, changes, .. }
            | Statement::Merge { table, reads, changes } => {
                self.touch_name(table, LockMode::RowExclusive);
                self.touch_known(reads, LockMode::AccessShare);
                self.touch_known(changes, LockMode::RowExclusive);
            }
            Statement::Select { tables, locking, changes } => {
                let lock = if *locking { LockMode::RowShare } else { LockMode::AccessShare };
                self.touch_known(tables, lock);
                self.touch_known(changes, LockMode::RowExclusive);
            }
            Statement::Copy { table: Some(table), from, .. } => {
                self.touch_name(table, if *from { LockMode::RowExclusive } else { LockMode::AccessShare });
            }
            Statement::Truncate { tables, cascade } => self.truncate(tables, *cascade),
            Statement::LockTable { tables, mode } => {
                let lock = LockMode::from_words(mode);
                self.touch_names(tables, lock.unwrap_or(LockMode::AccessExclusive));
            }
            Statement::Vacuum { tables, full } => {
                self.effect.needs_no_transaction = true;
                self.maintain(tables, *full, "VACUUM FULL writes the table anew");
            }
            Statement::Cluster { table } => {
                self.effect.needs_no_transaction = table.is_none();
                let tables: Vec<Name> = table.iter().cloned().collect();
                self.maintain(&tables, true, "CLUSTER writes the table anew in the order of an index");
            }
            Statement::Analyze { tables } => self.touch_names(tables, LockMode::ShareUpdateExclusive),
            Statement::Reindex { target, name, concurrently } => {
                self.reindex(*target, name.as_ref(), *concurrently);
            }
            Statement::RefreshMaterializedView { name, concurrently, with_data } => {
                let relation = self.relation(name);
                let lock = if *concurrently { LockMode::Exclusive } else { LockMode::AccessExclusive };
                let reads = self.catalog.views.get_mut(&relation).map(|view| {
                    view.populated = *with_data;
                    view.reads.clone()
                });
                let touch = self.touch(&relation, lock);
                if *with_data {
                    if !*concurrently {
                        touch.rewrite = Some(Work { why: "the view is computed anew".to_owned() });
                    }
                    for read in reads.unwrap_or_default() {
                        self.touch(&read, LockMode::AccessShare);
                    }
                }
            }
            Statement::AlterSystem | Statement::CreateDatabase { .. } | Statement::DropDatabase { .. } => {
                self.effect.needs_no_transaction = true;
            }
            // What is left concerns roles, settings and transactions, or was handled above.
            _ => {}
        }
    }

    /// Queries name functions and common table expressions too; only what is known to be a relation counts.
    fn touch_known(&mut self, names: &[Name], lock: LockMode) {
        for name in names {
            let relation = self.relation(name);
            if self.is_relation(&relation) && !self.is_temporary(name) {
                self.touch(&relation, lock);
            }
        }
    }

    fn truncate(&mut self, tables: &[Name], cascade: bool) {
        let mut open: Vec<QName> =
            tables.iter().filter(|name| !self.is_temporary(name)).map(|name| self.relation(name)).collect();
        let mut done: Vec<QName> = Vec::new();
        while let Some(table) = open.pop() {
            if done.contains(&table) {
                continue;
            }
            self.touch(&table, LockMode::AccessExclusive);
            open.extend(self.descendants(&table));
            if cascade {
                open.extend(self.referencing(&table));
            }
            done.push(table);
        }
    }

    /// Tables with a foreign key to this one.
    fn referencing(&self, table: &QName) -> Vec<QName> {
        self.catalog
            .tables
            .values()
            .filter(|other| other.name != *table)
            .filter(|other| other.foreign_keys().any(|(_, key)| key.references == *table))
            .map(|other| other.name.clone())
            .collect()
    }

    fn maintain(&mut self, tables: &[Name], full: bool, why: &str) {
        for name in tables {
            if self.is_temporary(name) {
                continue;
            }
            let relation = self.relation(name);
            let lock = if full { LockMode::AccessExclusive } else { LockMode::ShareUpdateExclusive };
            let touch = self.touch(&relation, lock);
            if full {
                touch.rewrite = Some(Work { why: why.to_owned() });
            }
        }
    }

    fn reindex(&mut self, target: ReindexTarget, name: Option<&Name>, concurrently: bool) {
        self.effect.needs_no_transaction = concurrently
            || matches!(target, ReindexTarget::Schema | ReindexTarget::Database | ReindexTarget::System);
        let lock = if concurrently { LockMode::ShareUpdateExclusive } else { LockMode::Share };
        let tables: Vec<QName> = match (target, name) {
            (ReindexTarget::Table, Some(name)) => vec![self.relation(name)],
            (ReindexTarget::Index, Some(name)) => self.index_owner(name).into_iter().collect(),
            (ReindexTarget::Schema, Some(name)) => {
                self.catalog.tables.keys().filter(|table| table.namespace == name.name).cloned().collect()
            }
            (ReindexTarget::Database, _) => self.catalog.tables.keys().cloned().collect(),
            _ => Vec::new(),
        };
        for table in tables {
            self.touch(&table, lock).builds_index = true;
        }
    }

    /// The table or materialized view that an index belongs to.
    fn index_owner(&self, index: &Name) -> Option<QName> {
        let namespaces: Vec<String> = match &index.namespace {
            Some(namespace) => vec![namespace.clone()],
            None => self.births.search_path.clone(),
        };
        namespaces.iter().find_map(|namespace| {
            let table = self
                .catalog
                .tables
                .values()
                .find(|table| table.name.namespace == *namespace && table.index(&index.name).is_some());
            let view = || {
                self.catalog.views.values().find(|view| {
                    view.name.namespace == *namespace
                        && view.indexes.iter().any(|other| other.name == index.name)
                })
            };
            table.map(|table| table.name.clone()).or_else(|| view().map(|view| view.name.clone()))
        })
    }

    /// Marks a table as no longer known.
    fn forget(&mut self, table: &QName) {
        if let Some(table) = self.catalog.table_mut(table) {
            table.unknown = true;
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        if name == "search_path" {
            let path =
                value.split(',').map(|part| part.trim().trim_matches('"').trim_matches('\'').to_owned());
            let path: Vec<String> = path.filter(|part| !part.is_empty() && part != "$user").collect();
            self.births.search_path = if value == "default" { vec!["public".to_owned()] } else { path };
        }
    }

    /// Statements without a model of their own. Most cannot change a table; those that can are unknown.
    fn other(&mut self, keyword: &str) {
        let harmless = [
            "SET",
            "SHOW",
            "EXPLAIN",
            "LISTEN",
            "NOTIFY",
            "UNLISTEN",
            "DISCARD",
            "DEALLOCATE",
            "PREPARE",
            "CHECKPOINT",
            "DECLARE",
            "FETCH",
            "MOVE",
            "CLOSE",
            "LOAD",
            "SECURITY",
            "COMMIT",
            "ROLLBACK",
            "TABLE",
            "SELECT",
            "COMMENT",
        ];
        let objects = [
            "STATISTICS",
            "COLLATION",
            "AGGREGATE",
            "CAST",
            "OPERATOR",
            "TEXT",
            "SERVER",
            "PUBLICATION",
            "SUBSCRIPTION",
            "EVENT",
            "LANGUAGE",
            "ACCESS",
            "CONVERSION",
            "TRANSFORM",
            "TABLESPACE",
            "ROLE",
            "USER",
            "GROUP",
            "FUNCTION",
            "PROCEDURE",
            "ROUTINE",
            "LARGE",
            "RULE",
            "OR",
            "INDEX",
            "TRIGGER",
            "DATABASE",
        ];
        let (first, second) = keyword.split_once(' ').unwrap_or((keyword, ""));
        self.effect.unknown = !harmless.contains(&first) && !objects.contains(&second);
        self.effect.needs_no_transaction =
            matches!((first, second), ("CREATE" | "DROP", "TABLESPACE" | "SUBSCRIPTION"));
    }
}
