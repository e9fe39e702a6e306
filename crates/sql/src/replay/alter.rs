//! The actions of `ALTER TABLE` on a known state.

mod constraint;
mod partition;

use pgsteward_model::catalog::{ColumnType, ConstraintKind, Persistence, QName, Table};
use pgsteward_model::effect::Work;
use pgsteward_model::lock::LockMode;
use pgsteward_model::statement::{AddColumn, AlterAction, AlterTable};

use super::{Replay, locks, rewrite};
use crate::cursor::Cursor;
use crate::scan;

impl Replay<'_> {
    pub(super) fn alter_table(&mut self, alter: &AlterTable) {
        if self.is_temporary(&alter.name) {
            return;
        }
        let mut name = self.relation(&alter.name);
        if self.table(&name).is_none() {
            self.alter_no_table(alter, &name);
            return;
        }
        for action in &alter.actions {
            let lock = locks::of_action(action, self.version());
            self.touch(&name, lock);
            if !alter.only && recurses(action) {
                for child in self.descendants(&name) {
                    self.touch(&child, lock);
                }
            }
            self.action(&name, action, alter.only);
            match action {
                AlterAction::RenameTable { to } => name = QName::new(name.namespace, to),
                AlterAction::SetSchema { to } => name = QName::new(to, name.name),
                _ => {}
            }
        }
        self.settle_not_null(&name);
    }

    /// `ALTER TABLE` also works on views, sequences and indexes.
    fn alter_no_table(&mut self, alter: &AlterTable, name: &QName) {
        let is_index = self.index_owner(&alter.name).is_some();
        if alter.if_exists && !self.is_relation(name) && !is_index {
            return;
        }
        for action in &alter.actions {
            match action {
                AlterAction::RenameTable { to } if is_index => self.rename_index(&alter.name, to),
                AlterAction::RenameTable { to } => {
                    self.touch(name, LockMode::AccessExclusive);
                    self.rename_relation(name, &QName::new(name.namespace.clone(), to));
                }
                AlterAction::SetSchema { to } => {
                    self.touch(name, LockMode::AccessExclusive);
                    self.rename_relation(name, &QName::new(to, name.name.clone()));
                }
                other => {
                    let lock = locks::of_action(other, self.version());
                    self.touch(name, lock);
                    if let AlterAction::AddConstraint { constraint, .. } = other
                        && let ConstraintKind::ForeignKey(key) = &constraint.kind
                    {
                        let references = self.requalified(&key.references);
                        self.touch(&references, LockMode::ShareRowExclusive);
                    }
                }
            }
        }
    }

    fn work(&mut self, table: &QName, rewrite: bool, why: impl Into<String>) {
        let Some(touch) = self.effect.touches.iter_mut().find(|touch| touch.relation == *table) else {
            return;
        };
        let work = if rewrite { &mut touch.rewrite } else { &mut touch.scan };
        if work.is_none() {
            *work = Some(Work { why: why.into() });
        }
    }

    fn rewrites(&mut self, table: &QName, why: impl Into<String>) {
        self.work(table, true, why);
    }

    /// A table and, unless the statement says `ONLY`, what inherits from it.
    fn with_descendants(&self, name: &QName, only: bool) -> Vec<QName> {
        let below = if only { Vec::new() } else { self.descendants(name) };
        std::iter::once(name.clone()).chain(below).collect()
    }

    fn scans(&mut self, table: &QName, why: impl Into<String>) {
        self.work(table, false, why);
    }

    fn builds_index(&mut self, table: &QName) {
        if let Some(touch) = self.effect.touches.iter_mut().find(|touch| touch.relation == *table) {
            touch.builds_index = true;
        }
    }

    fn change(&mut self, table: &QName, change: impl FnOnce(&mut Table)) {
        if let Some(table) = self.catalog.table_mut(table) {
            change(table);
        }
    }

    /// Applies a change to the table and, unless `ONLY`, to its partitions and inheriting tables.
    fn change_all(&mut self, table: &QName, only: bool, change: impl Fn(&mut Table)) {
        let children = if only { Vec::new() } else { self.descendants(table) };
        for name in std::iter::once(table.clone()).chain(children) {
            if let Some(table) = self.catalog.table_mut(&name) {
                change(table);
            }
        }
    }

    fn action(&mut self, name: &QName, action: &AlterAction, only: bool) {
        match action {
            AlterAction::AddColumn { column, if_not_exists } => {
                self.add_column(name, column, *if_not_exists, only);
            }
            AlterAction::DropColumn { name: column, cascade, .. } => {
                self.drop_column(name, column, *cascade, only);
            }
            AlterAction::SetType { column, ty, using } => {
                self.set_type(name, column, ty, using.as_deref(), only);
            }
            AlterAction::SetNotNull { column } => self.set_not_null(name, column, only),
            AlterAction::DropNotNull { column } => self.change_all(name, only, |table| {
                if let Some(column) = table.column_mut(column) {
                    column.not_null = false;
                }
            }),
            AlterAction::SetDefault { column, expression } => self.change_all(name, only, |table| {
                if let Some(column) = table.column_mut(column) {
                    let null = expression.eq_ignore_ascii_case("null");
                    column.default = (!null).then(|| expression.clone());
                }
            }),
            AlterAction::DropDefault { column } => self.change_all(name, only, |table| {
                if let Some(column) = table.column_mut(column) {
                    column.default = None;
                }
            }),
            AlterAction::AddIdentity { column, identity } => {
                self.change(name, |table| {
                    if let Some(column) = table.column_mut(column) {
                        column.identity = Some(*identity);
                    }
                });
                self.own_sequence(name, column);
            }
            AlterAction::DropIdentity { column } => {
                self.change(name, |table| {
                    if let Some(column) = table.column_mut(column) {
                        column.identity = None;
                    }
                });
                self.drop_owned_sequences(name, Some(column));
            }
            AlterAction::SetExpression { column, expression } => {
                let stored = self.table(name).and_then(|table| table.column(column)).is_some_and(|column| {
                    column.generated.as_ref().is_some_and(|generated| generated.stored)
                });
                if stored {
                    self.rewrites(name, format!("the generated column \"{column}\" is computed anew"));
                }
                self.change_all(name, only, |table| {
                    if let Some(generated) =
                        table.column_mut(column).and_then(|column| column.generated.as_mut())
                    {
                        generated.expression.clone_from(expression);
                    }
                });
            }
            AlterAction::DropExpression { column } => self.change_all(name, only, |table| {
                if let Some(column) = table.column_mut(column) {
                    column.generated = None;
                }
            }),
            AlterAction::AddConstraint { constraint, index, using_index, named } => {
                let (index, taken) = (index.as_ref(), using_index.as_deref());
                self.add_constraint(name, constraint, index, taken, *named, only);
            }
            AlterAction::DropConstraint { name: constraint, cascade, .. } => {
                self.drop_constraint(name, constraint, *cascade, only);
            }
            AlterAction::ValidateConstraint { name: constraint } => self.validate(name, constraint, only),
            AlterAction::RenameColumn { from, to } => self.rename_column(name, from, to),
            AlterAction::RenameConstraint { from, to } => self.rename_constraint(name, from, to),
            AlterAction::RenameTable { to } => {
                self.rename_relation(name, &QName::new(name.namespace.clone(), to));
            }
            AlterAction::SetSchema { to } => self.rename_relation(name, &QName::new(to, name.name.clone())),
            AlterAction::AttachPartition { child, bound } => self.attach(name, child, bound),
            AlterAction::DetachPartition { child, concurrently } => self.detach(name, child, *concurrently),
            AlterAction::EnableRowSecurity => self.change(name, |table| table.row_security = true),
            AlterAction::DisableRowSecurity => self.change(name, |table| table.row_security = false),
            AlterAction::ForceRowSecurity => self.change(name, |table| table.force_row_security = true),
            AlterAction::NoForceRowSecurity => self.change(name, |table| table.force_row_security = false),
            AlterAction::EnableTrigger { name: trigger } => {
                self.switch_triggers(name, trigger.as_deref(), true);
            }
            AlterAction::DisableTrigger { name: trigger } => {
                self.switch_triggers(name, trigger.as_deref(), false);
            }
            AlterAction::SetLogged => self.set_persistence(name, Persistence::Permanent),
            AlterAction::SetUnlogged => self.set_persistence(name, Persistence::Unlogged),
            AlterAction::SetTablespace => self.rewrites(name, "the table moves to another tablespace"),
            AlterAction::SetAccessMethod => self.rewrites(name, "the table changes its access method"),
            AlterAction::SetOptions { options } => self.change(name, |table| {
                let key = |option: &str| option.split('=').next().unwrap_or("").to_owned();
                for option in options {
                    table.options.retain(|own| key(own) != key(option));
                    table.options.push(option.clone());
                }
            }),
            AlterAction::ResetOptions { options } => self.change(name, |table| {
                let key = |option: &str| option.split('=').next().unwrap_or("").to_owned();
                table.options.retain(|own| !options.iter().any(|option| key(own) == key(option)));
            }),
            AlterAction::Inherit { parent } => {
                let parent = self.relation(parent);
                self.touch(&parent, LockMode::ShareUpdateExclusive);
                self.change(name, |table| table.inherits.push(parent));
            }
            AlterAction::NoInherit { parent } => {
                let parent = self.relation(parent);
                self.touch(&parent, LockMode::AccessShare);
                self.change(name, |table| table.inherits.retain(|own| *own != parent));
            }
            AlterAction::OwnerTo { role } => {
                let role = role.clone();
                self.change(name, |table| table.owner = Some(role));
            }
            AlterAction::AlterConstraint { .. } => self.forget(name),
            AlterAction::AlterIdentity { .. }
            | AlterAction::SetStatistics { .. }
            | AlterAction::SetStorage { .. }
            | AlterAction::ReplicaIdentity
            | AlterAction::ClusterOn { .. }
            | AlterAction::Other { .. } => {}
        }
    }

    fn add_column(&mut self, name: &QName, add: &AddColumn, if_not_exists: bool, only: bool) {
        let column_name = add.column.name.clone();
        if if_not_exists && self.table(name).is_some_and(|table| table.column(&column_name).is_some()) {
            return;
        }
        let mut column = add.column.clone();
        column.ty = self.resolved(&column.ty);
        // A required column without a default is checked in the rows too, but that ends at the first row, which refuses it.
        if let Some(why) = self.added_rewrite(&column_name, &column, add.serial) {
            for table in self.with_descendants(name, only) {
                self.rewrites(&table, why.clone());
            }
        }
        let has_default = column.default.is_some() || column.identity.is_some() || column.generated.is_some();
        let identity = column.identity.is_some();
        let Some(object) = self.table(name).map(|table| table.column_object(&column_name)) else { return };
        self.created(object);
        let added = column.clone();
        self.change_all(name, only, |table| {
            if table.column(&added.name).is_none() {
                table.columns.push(added.clone());
            }
        });
        if add.serial || identity {
            self.own_sequence(name, &column_name);
        }
        for constraint in &add.constraints {
            // A new column without a default holds NULL in every row, which satisfies every foreign key.
            let foreign = matches!(constraint.kind, ConstraintKind::ForeignKey(_));
            self.add_settled(name, constraint, None, foreign && !has_default, only);
        }
    }

    /// Why adding a column writes the table anew, if it does.
    fn added_rewrite(
        &self,
        name: &str,
        column: &pgsteward_model::catalog::Column,
        serial: bool,
    ) -> Option<String> {
        if serial {
            return Some(format!("the new column \"{name}\" takes a value from a sequence in every row"));
        }
        if column.identity.is_some() {
            return Some(format!(
                "the new identity column \"{name}\" takes a value from a sequence in every row"
            ));
        }
        if column.generated.as_ref().is_some_and(|generated| generated.stored) {
            return Some(format!("the new generated column \"{name}\" is stored in every row"));
        }
        if rewrite::is_constrained_domain(self.catalog, &column.ty) {
            return Some(format!("the new column \"{name}\" has a domain with constraints"));
        }
        let default = column.default.as_deref().filter(|default| !default.eq_ignore_ascii_case("null"))?;
        if let Some(function) = rewrite::volatile_call(self.catalog, default) {
            return Some(format!(
                "the default of the new column \"{name}\" calls {function}(), which is computed for every row"
            ));
        }
        (self.version().major() < 11).then(|| {
            format!("before PostgreSQL 11 the default of the new column \"{name}\" is written into every row")
        })
    }

    fn set_type(&mut self, name: &QName, column: &str, ty: &ColumnType, using: Option<&str>, only: bool) {
        let new = self.resolved(ty);
        let Some(table) = self.table(name) else { return };
        let Some(old) = table.column(column).map(|column| column.ty.clone()) else { return };
        let plain = using.is_none_or(|using| rewrite::is_plain_using(using, column));
        let free = plain && rewrite::is_free_cast(rewrite::below_domain(self.catalog, &old), &new);
        let indexed = table.indexes.iter().any(|index| uses_column(index, column));
        let has_indexes = !table.indexes.is_empty();
        // Foreign keys over the column, from here or to here, are dropped and made again, whatever the types.
        let outgoing = table.foreign_keys().filter(|(_, key)| key.columns.iter().any(|own| own == column));
        let mut bound: Vec<QName> = outgoing.map(|(_, key)| key.references.clone()).collect();
        bound.extend(self.referencing(name).into_iter().filter(|other| {
            self.table(other).is_some_and(|other| {
                other.foreign_keys().any(|(_, key)| {
                    key.references == *name && key.referenced_columns.iter().any(|own| own == column)
                })
            })
        }));
        for other in bound.into_iter().filter(|other| other != name) {
            self.touch(&other, LockMode::AccessExclusive);
        }
        if !free {
            let why = if old == new {
                format!("the values of column \"{column}\" are computed anew")
            } else {
                format!("the type of column \"{column}\" changes from {old} to {new}")
            };
            for table in self.with_descendants(name, only) {
                self.rewrites(&table, why.clone());
            }
            // Every index of a rewritten table is built anew.
            if has_indexes {
                self.builds_index(name);
            }
        } else if indexed && old.name != new.name && old.name == "cidr" {
            self.builds_index(name);
        }
        self.change_all(name, only, |table| {
            if let Some(column) = table.column_mut(column) {
                column.ty = new.clone();
            }
        });
    }

    fn switch_triggers(&mut self, name: &QName, trigger: Option<&str>, enabled: bool) {
        self.change(name, |table| {
            for own in &mut table.triggers {
                if trigger.is_none_or(|trigger| own.name == trigger) {
                    own.enabled = enabled;
                }
            }
        });
    }

    fn set_persistence(&mut self, name: &QName, persistence: Persistence) {
        if self.table(name).is_some_and(|table| table.persistence == persistence) {
            return;
        }
        let word = if persistence == Persistence::Unlogged { "unlogged" } else { "logged" };
        self.rewrites(name, format!("the table becomes {word}"));
        if self.table(name).is_some_and(|table| !table.indexes.is_empty()) {
            self.builds_index(name);
        }
        self.change(name, |table| table.persistence = persistence);
    }
}

/// Whether an action goes on to partitions and inheriting tables.
fn recurses(action: &AlterAction) -> bool {
    matches!(
        action,
        AlterAction::AddColumn { .. }
            | AlterAction::DropColumn { .. }
            | AlterAction::SetType { .. }
            | AlterAction::SetNotNull { .. }
            | AlterAction::DropNotNull { .. }
            | AlterAction::SetDefault { .. }
            | AlterAction::DropDefault { .. }
            | AlterAction::AddConstraint { .. }
            | AlterAction::DropConstraint { .. }
            | AlterAction::ValidateConstraint { .. }
            | AlterAction::RenameColumn { .. }
            | AlterAction::RenameConstraint { .. }
            | AlterAction::SetStatistics { .. }
            | AlterAction::SetStorage { .. }
            | AlterAction::SetExpression { .. }
            | AlterAction::DropExpression { .. }
    )
}

/// Whether an index is over a column, or says its name in an expression or predicate.
pub(super) fn uses_column(index: &pgsteward_model::catalog::Index, column: &str) -> bool {
    index.keys.iter().any(|key| {
        key.column.as_deref() == Some(column)
            || key.expression.as_deref().is_some_and(|expression| names_column(expression, column))
    }) || index.include.iter().any(|own| own == column)
        || index.predicate.as_deref().is_some_and(|predicate| names_column(predicate, column))
}

pub(super) fn names_column(expression: &str, column: &str) -> bool {
    let tokens = scan::tokens(expression);
    crate::lower::columns_in(Cursor::new(expression, &tokens)).iter().any(|own| own == column)
}

/// Whether a check says `column IS NOT NULL`, alone or as one of several conditions joined by AND.
fn proves_not_null(expression: &str, column: &str) -> bool {
    let tokens = scan::tokens(expression);
    let mut cursor = Cursor::new(expression, &tokens);
    while cursor.sees_symbol(b'(') {
        let inner = cursor.group();
        if !cursor.at_end() {
            cursor = Cursor::new(expression, &tokens);
            break;
        }
        cursor = inner;
    }
    let mut whole = cursor;
    while !whole.at_end() {
        if whole.sees(&["or"]) || whole.sees(&["case"]) {
            return false;
        }
        whole.skip_one();
    }
    while !cursor.at_end() {
        let mut part = if cursor.sees_symbol(b'(') { cursor.group() } else { cursor };
        if part.ident().as_deref() == Some(column)
            && part.eat(&["is", "not", "null"])
            && (part.at_end() || part.sees(&["and"]))
        {
            return true;
        }
        if !cursor.skip_to(&["and"]) {
            return false;
        }
        cursor.advance();
    }
    false
}
