//! `CREATE TABLE`: with the names that PostgreSQL chooses, the indexes of constraints, the
//! sequences of columns, and what partitions and inheriting tables take over.

use std::sync::Arc;

use pgsteward_model::catalog::{Column, Constraint, ConstraintKind, Index, IndexKey, QName, Table};
use pgsteward_model::lock::LockMode;
use pgsteward_model::place::ObjectKind;
use pgsteward_model::statement::CreateTable;

use super::Replay;
use crate::lower;
use crate::naming;

/// The kind of object that a constraint is.
pub(super) fn constraint_kind(kind: &ConstraintKind) -> ObjectKind {
    match kind {
        ConstraintKind::PrimaryKey { .. } => ObjectKind::PrimaryKey,
        ConstraintKind::Unique { .. } => ObjectKind::UniqueConstraint,
        ConstraintKind::ForeignKey(_) => ObjectKind::ForeignKey,
        ConstraintKind::Check { .. } => ObjectKind::CheckConstraint,
        ConstraintKind::Exclusion { .. } => ObjectKind::ExclusionConstraint,
        ConstraintKind::NotNull { .. } => ObjectKind::NotNullConstraint,
    }
}

/// The middle of the name that PostgreSQL gives a unique constraint.
pub(super) fn key_names(columns: &[String], include: &[String]) -> String {
    naming::joined(&[columns, include].concat())
}

/// The index that a primary key or unique constraint makes. `like` has what the constraint does not tell of it.
pub(super) fn index_of(constraint: &Constraint, like: Option<&Index>) -> Option<Index> {
    let (columns, nulls_not_distinct) = match &constraint.kind {
        ConstraintKind::PrimaryKey { columns } => (columns, false),
        ConstraintKind::Unique { columns, nulls_not_distinct } => (columns, *nulls_not_distinct),
        _ => return None,
    };
    Some(Index {
        name: constraint.name.clone(),
        method: "btree".into(),
        keys: columns.iter().map(|column| IndexKey::column(column)).collect(),
        include: like.map(|index| index.include.clone()).unwrap_or_default(),
        unique: true,
        nulls_not_distinct,
        predicate: None,
        valid: true,
        constraint: Some(constraint.name.clone()),
        options: like.map(|index| index.options.clone()).unwrap_or_default(),
        comment: None,
        statistics: None,
    })
}

impl Replay<'_> {
    /// Whether a name is taken by any relation of the namespace: tables, views, sequences and indexes share
    /// one space of names.
    pub(super) fn is_taken(&self, namespace: &str, name: &str) -> bool {
        let full = QName::new(namespace, name);
        self.is_relation(&full)
            || self
                .catalog
                .tables
                .values()
                .any(|table| table.name.namespace == namespace && table.index(name).is_some())
            || self.catalog.views.values().any(|view| {
                view.name.namespace == namespace && view.indexes.iter().any(|index| index.name == name)
            })
    }

    fn is_constraint_taken(&self, namespace: &str, name: &str) -> bool {
        self.catalog
            .tables
            .values()
            .any(|table| table.name.namespace == namespace && table.constraint(name).is_some())
    }

    /// Gives a constraint another name where PostgreSQL's own choice for it is taken. A written name is left
    /// alone: if it is taken, the statement fails on the server. `include` are columns of a key's index alone.
    pub(super) fn settle_constraint_name(
        &self,
        table: &Table,
        constraint: &mut Constraint,
        include: &[String],
    ) {
        let (middle, label) = match &constraint.kind {
            ConstraintKind::PrimaryKey { .. } => (String::new(), "pkey"),
            ConstraintKind::Unique { columns, .. } => (key_names(columns, include), "key"),
            ConstraintKind::ForeignKey(key) => (naming::joined(&key.columns), "fkey"),
            ConstraintKind::Check { columns, .. } => {
                (if columns.len() == 1 { columns[0].clone() } else { String::new() }, "check")
            }
            ConstraintKind::Exclusion { .. } | ConstraintKind::NotNull { .. } => return,
        };
        if constraint.name != naming::object_name(&table.name.name, &middle, label) {
            return;
        }
        let namespace = &table.name.namespace;
        let makes_index = matches!(label, "pkey" | "key");
        // A table that is being made has the constraint's index already.
        let own = constraint.name.clone();
        constraint.name = naming::choose(&table.name.name, &middle, label, |name| {
            table.constraint(name).is_some()
                || table.index(name).is_some_and(|index| index.constraint.as_ref() != Some(&own))
                || self.is_constraint_taken(namespace, name)
                || (makes_index && self.is_taken(namespace, name))
        });
    }

    pub(super) fn create_table(&mut self, create: &CreateTable) {
        if create.temporary {
            self.births.temporary.insert(create.name.name.clone());
            return;
        }
        let name = self.new_name(&create.name);
        if create.if_not_exists && self.is_taken(&name.namespace, &name.name) {
            return;
        }
        self.births.temporary.remove(&name.name);
        let mut table = create.table.clone();
        table.name = name.clone();
        table.unknown |= create.from_query;
        for column in &mut table.columns {
            column.ty = self.resolved(&column.ty);
        }
        self.inherit(&mut table);
        self.touch_known(&create.reads, LockMode::AccessShare);
        for like in &create.like {
            let source = self.relation(like);
            self.touch(&source, LockMode::AccessShare);
            match self.table(&source) {
                Some(source) => table.columns.extend(source.columns.iter().map(|column| Column {
                    default: None,
                    identity: None,
                    generated: None,
                    comment: None,
                    grants: Vec::new(),
                    statistics: None,
                    ..column.clone()
                })),
                None => table.unknown = true,
            }
        }
        for constraint in std::mem::take(&mut table.constraints) {
            let old = constraint.name.clone();
            let mut constraint = constraint;
            let own = table.indexes.iter().find(|index| index.constraint.as_ref() == Some(&old));
            let include = own.map(|index| index.include.clone()).unwrap_or_default();
            self.settle_constraint_name(&table, &mut constraint, &include);
            if constraint.name != old {
                for index in table.indexes.iter_mut().filter(|index| index.constraint.as_ref() == Some(&old))
                {
                    index.name.clone_from(&constraint.name);
                    index.constraint = Some(constraint.name.clone());
                }
            }
            self.settle_foreign_key(&table, &mut constraint);
            if let ConstraintKind::ForeignKey(key) = &constraint.kind
                && key.references != name
            {
                let references = key.references.clone();
                self.touch(&references, LockMode::ShareRowExclusive);
            }
            table.constraints.push(constraint);
        }
        let sequenced: Vec<String> = table
            .columns
            .iter()
            .filter(|column| column.identity.is_some() || create.serial.contains(&column.name))
            .map(|column| column.name.clone())
            .collect();
        self.births.created(&name);
        self.created(table.object());
        self.catalog.tables.insert(name.clone(), Arc::new(table));
        for column in sequenced {
            self.own_sequence(&name, &column);
        }
        self.settle_not_null(&name);
    }

    /// What a partition or an inheriting table takes over from its parents.
    fn inherit(&mut self, table: &mut Table) {
        let mut parents = Vec::new();
        if let Some(of) = &mut table.partition_of {
            of.parent = self.requalified(&of.parent);
            parents.push((of.parent.clone(), LockMode::AccessExclusive));
        }
        for parent in &mut table.inherits {
            *parent = self.requalified(parent);
            parents.push((parent.clone(), LockMode::ShareUpdateExclusive));
        }
        let is_partition = table.partition_of.is_some();
        let mut columns: Vec<Column> = Vec::new();
        for (parent, lock) in parents {
            self.touch(&parent, lock);
            let Some(source) = self.catalog.tables.get(&parent).map(Arc::clone) else {
                table.unknown = true;
                continue;
            };
            for column in &source.columns {
                if !columns.iter().any(|own| own.name == column.name) {
                    let identity = column.identity.filter(|_| is_partition);
                    columns.push(Column { identity, comment: None, statistics: None, ..column.clone() });
                }
            }
            for constraint in &source.constraints {
                let inherited = is_partition
                    || matches!(constraint.kind, ConstraintKind::Check { no_inherit: false, .. });
                if !inherited || table.constraint(&constraint.name).is_some() {
                    continue;
                }
                let mut constraint = Constraint { comment: None, ..constraint.clone() };
                if let ConstraintKind::ForeignKey(key) = &constraint.kind {
                    let references = key.references.clone();
                    self.touch(&references, LockMode::ShareRowExclusive);
                }
                let like =
                    source.indexes.iter().find(|index| index.constraint.as_ref() == Some(&constraint.name));
                if let Some(mut index) = index_of(&constraint, like) {
                    let label = if table.primary_key().is_none()
                        && matches!(constraint.kind, ConstraintKind::PrimaryKey { .. })
                    {
                        naming::object_name(&table.name.name, "", "pkey")
                    } else {
                        let columns: Vec<String> =
                            index.keys.iter().filter_map(|key| key.column.clone()).collect();
                        let names = key_names(&columns, &index.include);
                        naming::object_name(&table.name.name, &names, "key")
                    };
                    constraint.name = label;
                    index.name.clone_from(&constraint.name);
                    index.constraint = Some(constraint.name.clone());
                    table.indexes.push(index);
                }
                table.constraints.push(constraint);
            }
            if is_partition {
                for index in source.indexes.iter().filter(|index| index.constraint.is_none()) {
                    let name = self.partition_index_name(&table.name, index, table);
                    table.indexes.push(Index {
                        name,
                        valid: true,
                        comment: None,
                        statistics: None,
                        ..index.clone()
                    });
                }
            }
        }
        for column in std::mem::take(&mut table.columns) {
            match columns.iter_mut().find(|own| own.name == column.name) {
                Some(own) => {
                    own.not_null |= column.not_null;
                    own.default = column.default.or_else(|| own.default.take());
                }
                None => columns.push(column),
            }
        }
        table.columns = columns;
    }

    /// Fills in what a foreign key leaves out: the namespace and the referenced columns.
    pub(super) fn settle_foreign_key(&self, table: &Table, constraint: &mut Constraint) {
        let ConstraintKind::ForeignKey(key) = &mut constraint.kind else { return };
        if key.references.name != table.name.name || key.references.namespace != "public" {
            key.references = self.requalified(&key.references);
        } else if !self.is_relation(&key.references) {
            key.references = table.name.clone();
        }
        if key.referenced_columns.is_empty() {
            let referenced =
                if key.references == table.name { Some(table) } else { self.table(&key.references) };
            let columns = referenced.and_then(Table::primary_key).map(|(_, columns)| columns.to_vec());
            key.referenced_columns = columns.unwrap_or_default();
        }
    }

    /// Makes the sequence that a serial or identity column owns.
    pub(super) fn own_sequence(&mut self, table: &QName, column: &str) {
        let name = naming::choose(&table.name, column, "seq", |name| self.is_taken(&table.namespace, name));
        let sequence = QName::new(table.namespace.clone(), name);
        let Some(found) = self.catalog.table_mut(table).and_then(|table| table.column_mut(column)) else {
            return;
        };
        let mut value = lower::plain_sequence(sequence.clone(), &found.ty.name);
        value.owned_by = Some((table.clone(), column.to_owned()));
        if found.identity.is_none() {
            found.default = Some(lower::sequence_default(&sequence));
        }
        self.catalog.sequences.insert(sequence, value);
    }

    /// PostgreSQL 18 keeps a constraint for each column that is not null.
    pub(super) fn settle_not_null(&mut self, table: &QName) {
        if self.version().major() < 18 {
            return;
        }
        let Some(table) = self.catalog.table_mut(table) else { return };
        let wanted: Vec<String> =
            table.columns.iter().filter(|column| column.not_null).map(|column| column.name.clone()).collect();
        table.constraints.retain(|constraint| match &constraint.kind {
            ConstraintKind::NotNull { column } => !constraint.validated || wanted.contains(column),
            _ => true,
        });
        for column in wanted {
            let has = table.constraints.iter().any(
                |constraint| matches!(&constraint.kind, ConstraintKind::NotNull { column: own } if *own == column),
            );
            if !has {
                let name = naming::choose(&table.name.name, &column, "not_null", |name| {
                    table.constraint(name).is_some()
                });
                table.constraints.push(Constraint {
                    name,
                    kind: ConstraintKind::NotNull { column },
                    validated: true,
                    deferrable: false,
                    initially_deferred: false,
                    comment: None,
                });
            }
        }
    }
}
