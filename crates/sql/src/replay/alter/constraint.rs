//! Constraints that `ALTER TABLE` adds and validates, and NOT NULL.

use std::sync::Arc;

use pgsteward_model::catalog::{Constraint, ConstraintKind, Index, QName, Table, TableKind};
use pgsteward_model::lock::LockMode;

use super::proves_not_null;
use crate::naming;
use crate::replay::Replay;
use crate::replay::create::{constraint_kind, index_of, key_names};

impl Replay<'_> {
    pub(super) fn set_not_null(&mut self, name: &QName, column: &str, only: bool) {
        let Some(table) = self.table(name) else { return };
        let already = table.column(column).is_some_and(|column| column.not_null);
        let proven = self.version().major() >= 12
            && table.constraints.iter().any(|constraint| {
                constraint.validated
                    && matches!(&constraint.kind, ConstraintKind::Check { expression, .. }
                        if proves_not_null(expression, column))
            });
        if !already && !proven {
            self.scans(name, format!("every row is checked for NULL in column \"{column}\""));
        }
        self.change_all(name, only, |table| {
            if let Some(column) = table.column_mut(column) {
                column.not_null = true;
            }
        });
    }

    pub(super) fn add_constraint(
        &mut self,
        name: &QName,
        constraint: &Constraint,
        written: Option<&Index>,
        using_index: Option<&str>,
        named: bool,
        only: bool,
    ) {
        let Some(table) = self.table(name) else { return };
        let mut constraint = constraint.clone();
        if let ConstraintKind::Check { columns, .. } = &mut constraint.kind {
            columns.retain(|column| table.column(column).is_some());
            if !named {
                let middle = if columns.len() == 1 { columns[0].clone() } else { String::new() };
                constraint.name = naming::object_name(&table.name.name, &middle, "check");
            }
        }
        let Some(index) = using_index else {
            self.add_settled(name, &constraint, written, false, only);
            return;
        };
        // The constraint takes over an index: its columns are the index's, and the index takes its name.
        let columns = table
            .index(index)
            .map(|index| index.keys.iter().filter_map(|key| key.column.clone()).collect::<Vec<_>>())
            .unwrap_or_default();
        let primary = matches!(constraint.kind, ConstraintKind::PrimaryKey { .. });
        match &mut constraint.kind {
            ConstraintKind::PrimaryKey { columns: own } | ConstraintKind::Unique { columns: own, .. } => {
                own.clone_from(&columns);
            }
            _ => {}
        }
        if primary {
            self.make_key_not_null(name, &columns);
        }
        let object =
            self.table(name).map(|table| table.part(constraint_kind(&constraint.kind), &constraint.name));
        self.effect.created.extend(object);
        self.change(name, |table| {
            if let Some(index) = table.indexes.iter_mut().find(|own| own.name == index) {
                index.name.clone_from(&constraint.name);
                index.constraint = Some(constraint.name.clone());
            }
            table.constraints.push(constraint);
        });
    }

    /// Key columns become not null; where they were nullable every row is checked.
    pub(super) fn make_key_not_null(&mut self, name: &QName, columns: &[String]) {
        for column in columns {
            let nullable = self
                .table(name)
                .and_then(|table| table.column(column))
                .is_some_and(|column| !column.not_null);
            if nullable {
                self.set_not_null(name, column, false);
            }
        }
    }

    /// Adds a constraint that makes its own index, if it needs one; `written` is that index as the statement has it.
    pub(super) fn add_settled(
        &mut self,
        name: &QName,
        constraint: &Constraint,
        written: Option<&Index>,
        surely_holds: bool,
        only: bool,
    ) {
        let Some(table) = self.catalog.tables.get(name).map(Arc::clone) else { return };
        let mut constraint = constraint.clone();
        let include = written.map(|index| index.include.as_slice()).unwrap_or_default();
        self.settle_constraint_name(&table, &mut constraint, include);
        self.settle_foreign_key(&table, &mut constraint);
        let label = format!("\"{}\"", constraint.name);
        // A partitioned table holds no rows of its own.
        let parent_only = only && table.kind == TableKind::Partitioned;
        match &constraint.kind {
            ConstraintKind::PrimaryKey { columns } => {
                let columns = columns.clone();
                if !parent_only {
                    self.builds_index(name);
                }
                self.make_key_not_null(name, &columns);
            }
            ConstraintKind::Unique { .. } | ConstraintKind::Exclusion { .. } if parent_only => {}
            ConstraintKind::Unique { .. } | ConstraintKind::Exclusion { .. } => self.builds_index(name),
            ConstraintKind::ForeignKey(key) => {
                let references = key.references.clone();
                self.touch(&references, LockMode::ShareRowExclusive);
                if constraint.validated && !surely_holds && !self.partitions_have(&table, &constraint) {
                    self.scans(name, format!("every row is checked against the foreign key {label}"));
                }
            }
            ConstraintKind::Check { .. } => {
                if constraint.validated {
                    self.scans(name, format!("every row is checked against the constraint {label}"));
                }
            }
            ConstraintKind::NotNull { column } => {
                let column = column.clone();
                if constraint.validated {
                    self.set_not_null(name, &column, only);
                } else {
                    self.change(name, |table| {
                        if let Some(column) = table.column_mut(&column) {
                            column.not_null = true;
                        }
                    });
                }
            }
        }
        self.created(table.part(constraint_kind(&constraint.kind), &constraint.name));
        let mut index = index_of(&constraint, written);
        if parent_only && let Some(index) = &mut index {
            index.valid = self.descendants(name).is_empty();
        }
        let inherited = matches!(constraint.kind, ConstraintKind::Check { no_inherit: false, .. })
            || table.kind == TableKind::Partitioned;
        if inherited && !only {
            for child in self.descendants(name) {
                let Some(of) = self.catalog.tables.get(&child).map(Arc::clone) else { continue };
                if has_foreign_key(&of, &constraint) {
                    continue;
                }
                let mut own = constraint.clone();
                if let Some(mut index) = index.clone() {
                    own.name = match &own.kind {
                        ConstraintKind::PrimaryKey { .. } => naming::object_name(&of.name.name, "", "pkey"),
                        ConstraintKind::Unique { columns, .. } => {
                            naming::object_name(&of.name.name, &key_names(columns, include), "key")
                        }
                        _ => own.name,
                    };
                    self.settle_constraint_name(&of, &mut own, include);
                    index.name.clone_from(&own.name);
                    index.constraint = Some(own.name.clone());
                    self.change(&child, |table| table.indexes.push(index));
                    self.builds_index(&child);
                }
                self.change(&child, |table| table.constraints.push(own));
            }
        }
        self.change(name, |table| {
            table.indexes.extend(index);
            table.constraints.push(constraint);
        });
    }

    /// A foreign key of a partitioned table takes over those that its partitions have, which are not checked again.
    fn partitions_have(&self, table: &Table, constraint: &Constraint) -> bool {
        let mut leaves = self
            .descendants(&table.name)
            .into_iter()
            .filter_map(|name| self.table(&name))
            .filter(|table| table.kind != TableKind::Partitioned);
        table.kind == TableKind::Partitioned && leaves.all(|leaf| has_foreign_key(leaf, constraint))
    }

    pub(super) fn validate(&mut self, name: &QName, constraint: &str, only: bool) {
        let Some(found) = self.table(name).and_then(|table| table.constraint(constraint)) else { return };
        if found.validated {
            return;
        }
        let references = match &found.kind {
            ConstraintKind::ForeignKey(key) => Some(key.references.clone()),
            _ => None,
        };
        self.scans(name, format!("every row is checked against the constraint \"{constraint}\""));
        if let Some(references) = references {
            self.touch(&references, LockMode::RowShare);
        }
        self.change_all(name, only, |table| {
            for own in table.constraints.iter_mut().filter(|own| own.name == constraint) {
                own.validated = true;
            }
        });
    }
}

/// Whether the table has the foreign key already, under any name, and its rows are known to obey it.
fn has_foreign_key(table: &Table, constraint: &Constraint) -> bool {
    let ConstraintKind::ForeignKey(_) = &constraint.kind else { return false };
    table.constraints.iter().any(|own| {
        own.kind == constraint.kind
            && own.validated
            && (own.deferrable, own.initially_deferred)
                == (constraint.deferrable, constraint.initially_deferred)
    })
}
