//! Renames, carried through everything that says the old name.

use std::borrow::Cow;
use std::sync::Arc;

use pgsteward_model::catalog::{ConstraintKind, QName, Table};
use pgsteward_model::lock::LockMode;
use pgsteward_model::place::{ObjectKind, ObjectRef};
use pgsteward_model::statement::Name;

use super::Replay;
use super::create::constraint_kind;
use super::expression::rename_column_in_expression;

impl Replay<'_> {
    pub(super) fn rename(&mut self, kind: ObjectKind, name: &Name, on: Option<&Name>, to: &str) {
        match kind {
            ObjectKind::Index => self.rename_index(name, to),
            ObjectKind::View | ObjectKind::MaterializedView | ObjectKind::Sequence => {
                let from = self.relation(name);
                if kind != ObjectKind::Sequence {
                    self.touch(&from, LockMode::AccessExclusive);
                }
                self.rename_relation(&from, &QName::new(from.namespace.clone(), to));
            }
            ObjectKind::Domain => {
                let from = self.type_name(name);
                self.rename_type(&from, &QName::new(from.namespace.clone(), to));
            }
            ObjectKind::Schema => self.rename_schema(&name.name, to),
            ObjectKind::Function => {
                let found: Vec<_> =
                    self.catalog.functions.keys().filter(|id| id.name.name == name.name).cloned().collect();
                self.effect.unknown |= found.len() > 1;
                if let [id] = found.as_slice()
                    && let Some(mut function) = self.catalog.functions.remove(id)
                {
                    to.clone_into(&mut function.id.name.name);
                    self.catalog.functions.insert(function.id.clone(), function);
                }
            }
            ObjectKind::Trigger | ObjectKind::Policy => {
                let Some(table) = on.map(|table| self.relation(table)) else { return };
                self.touch(&table, LockMode::AccessExclusive);
                let object = |name: &str| ObjectRef::of_relation(kind, &table.namespace, &table.name, name);
                self.effect.renamed.push((object(&name.name), object(to)));
                if let Some(table) = self.catalog.table_mut(&table) {
                    for trigger in table.triggers.iter_mut().filter(|_| kind == ObjectKind::Trigger) {
                        if trigger.name == name.name {
                            to.clone_into(&mut trigger.name);
                        }
                    }
                    for policy in table.policies.iter_mut().filter(|_| kind == ObjectKind::Policy) {
                        if policy.name == name.name {
                            to.clone_into(&mut policy.name);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    pub(super) fn set_schema(&mut self, kind: ObjectKind, name: &Name, to: &str) {
        match kind {
            ObjectKind::View | ObjectKind::MaterializedView | ObjectKind::Sequence => {
                let from = self.relation(name);
                if kind != ObjectKind::Sequence {
                    self.touch(&from, LockMode::AccessExclusive);
                }
                self.rename_relation(&from, &QName::new(to, from.name.clone()));
            }
            ObjectKind::Domain => {
                let from = self.type_name(name);
                self.rename_type(&from, &QName::new(to, from.name.clone()));
            }
            ObjectKind::Extension => {
                if let Some(extension) = self.catalog.extensions.get_mut(&name.name) {
                    to.clone_into(&mut extension.namespace);
                }
            }
            _ => self.effect.unknown = true,
        }
    }

    /// Renames or moves a table, view or sequence.
    pub(super) fn rename_relation(&mut self, from: &QName, to: &QName) {
        let kind = if let Some(mut table) = self.catalog.tables.remove(from) {
            Arc::make_mut(&mut table).name = to.clone();
            self.catalog.tables.insert(to.clone(), table);
            ObjectKind::Table
        } else if let Some(mut view) = self.catalog.views.remove(from) {
            view.name = to.clone();
            let kind = if view.materialized { ObjectKind::MaterializedView } else { ObjectKind::View };
            self.catalog.views.insert(to.clone(), view);
            kind
        } else if let Some(mut sequence) = self.catalog.sequences.remove(from) {
            sequence.name = to.clone();
            self.catalog.sequences.insert(to.clone(), sequence);
            self.rename_default(from, to);
            let object =
                |name: &QName| ObjectRef::in_namespace(ObjectKind::Sequence, &name.namespace, &name.name);
            self.effect.renamed.push((object(from), object(to)));
            return;
        } else {
            return;
        };
        let object = |name: &QName| ObjectRef::relation(kind, &name.namespace, &name.name);
        self.effect.renamed.push((object(from), object(to)));
        self.births.renamed(from, to);
        let says = |table: &Table| {
            table.foreign_keys().any(|(_, key)| key.references == *from)
                || table.inherits.contains(from)
                || table.partition_of.as_ref().is_some_and(|of| of.parent == *from)
        };
        for table in self.catalog.tables.values_mut().filter(|table| says(table)) {
            let table = Arc::make_mut(table);
            for constraint in &mut table.constraints {
                if let ConstraintKind::ForeignKey(key) = &mut constraint.kind
                    && key.references == *from
                {
                    key.references = to.clone();
                }
            }
            for parent in table.inherits.iter_mut().filter(|parent| *parent == from) {
                *parent = to.clone();
            }
            if let Some(of) = table.partition_of.as_mut().filter(|of| of.parent == *from) {
                of.parent = to.clone();
            }
        }
        for sequence in self.catalog.sequences.values_mut() {
            if let Some((owner, _)) = sequence.owned_by.as_mut().filter(|(owner, _)| owner == from) {
                *owner = to.clone();
            }
        }
        for view in self.catalog.views.values_mut() {
            for read in view.reads.iter_mut().filter(|read| *read == from) {
                *read = to.clone();
            }
        }
        // A table is also a type.
        self.retype(from, to);
        if from.namespace != to.namespace {
            // Sequences that a moved table owns move along.
            let owned: Vec<QName> = self
                .catalog
                .sequences
                .values()
                .filter(|sequence| sequence.owned_by.as_ref().is_some_and(|(owner, _)| owner == to))
                .map(|sequence| sequence.name.clone())
                .collect();
            for sequence in owned {
                self.rename_relation(&sequence, &QName::new(to.namespace.clone(), sequence.name.clone()));
            }
        }
    }

    /// Defaults that draw from a sequence print its new name.
    fn rename_default(&mut self, from: &QName, to: &QName) {
        let (old, new) = (crate::lower::sequence_default(from), crate::lower::sequence_default(to));
        for table in self.catalog.tables.values_mut() {
            if table.columns.iter().any(|column| column.default.as_ref() == Some(&old)) {
                for column in &mut Arc::make_mut(table).columns {
                    if column.default.as_ref() == Some(&old) {
                        column.default = Some(new.clone());
                    }
                }
            }
        }
    }

    fn rename_schema(&mut self, from: &str, to: &str) {
        let Some(namespace) = self.catalog.namespaces.remove(from) else { return };
        self.catalog.namespaces.insert(to.to_owned(), namespace);
        self.effect
            .renamed
            .push((ObjectRef::named(ObjectKind::Schema, from), ObjectRef::named(ObjectKind::Schema, to)));
        let moved = |name: &QName| QName::new(to, name.name.clone());
        let tables = self.catalog.tables.keys().chain(self.catalog.views.keys());
        let relations: Vec<QName> = tables.filter(|name| name.namespace == from).cloned().collect();
        for relation in relations {
            self.rename_relation(&relation, &moved(&relation));
        }
        let sequences: Vec<QName> =
            self.catalog.sequences.keys().filter(|name| name.namespace == from).cloned().collect();
        for sequence in sequences {
            self.rename_relation(&sequence, &moved(&sequence));
        }
        let catalog = &self.catalog;
        let types = catalog.enums.keys().chain(catalog.domains.keys()).chain(catalog.composites.keys());
        let types: Vec<QName> = types.filter(|name| name.namespace == from).cloned().collect();
        for ty in types {
            self.rename_type(&ty, &moved(&ty));
        }
        let functions: Vec<_> =
            self.catalog.functions.keys().filter(|id| id.name.namespace == from).cloned().collect();
        for id in functions {
            if let Some(mut function) = self.catalog.functions.remove(&id) {
                to.clone_into(&mut function.id.name.namespace);
                self.catalog.functions.insert(function.id.clone(), function);
            }
        }
    }

    /// Renames an index. Its table is not locked, only the index itself.
    pub(super) fn rename_index(&mut self, name: &Name, to: &str) {
        let Some(owner) = self.index_owner(name) else { return };
        let object =
            |index: &str| ObjectRef::of_relation(ObjectKind::Index, &owner.namespace, &owner.name, index);
        self.effect.renamed.push((object(&name.name), object(to)));
        if let Some(view) = self.catalog.views.get_mut(&owner) {
            for index in view.indexes.iter_mut().filter(|index| index.name == name.name) {
                to.clone_into(&mut index.name);
            }
        }
        let Some(table) = self.catalog.table_mut(&owner) else { return };
        let mut constraint = None;
        for index in table.indexes.iter_mut().filter(|index| index.name == name.name) {
            to.clone_into(&mut index.name);
            // A constraint and its index always have the same name.
            constraint = index.constraint.as_mut().map(|owner| std::mem::replace(owner, to.to_owned()));
        }
        for own in table.constraints.iter_mut().filter(|own| constraint.as_ref() == Some(&own.name)) {
            to.clone_into(&mut own.name);
        }
    }

    pub(super) fn rename_constraint(&mut self, table: &QName, from: &str, to: &str) {
        let Some(table) = self.catalog.table_mut(table) else { return };
        let Some(constraint) = table.constraints.iter_mut().find(|constraint| constraint.name == from) else {
            return;
        };
        to.clone_into(&mut constraint.name);
        let kind = constraint_kind(&constraint.kind);
        for index in table.indexes.iter_mut().filter(|index| index.constraint.as_deref() == Some(from)) {
            to.clone_into(&mut index.name);
            index.constraint = Some(to.to_owned());
        }
        let objects = (table.part(kind, from), table.part(kind, to));
        self.effect.renamed.push(objects);
    }

    pub(super) fn rename_column(&mut self, name: &QName, from: &str, to: &str) {
        let Some(table) = self.table(name) else {
            return;
        };
        let objects = (table.column_object(from), table.column_object(to));
        self.effect.renamed.push(objects);
        for relation in std::iter::once(name.clone()).chain(self.descendants(name)) {
            if let Some(table) = self.catalog.table_mut(&relation) {
                rename_in_table(table, from, to);
            }
        }
        for other in self.referencing(name).into_iter().chain([name.clone()]) {
            let Some(table) = self.catalog.table_mut(&other) else { continue };
            for constraint in &mut table.constraints {
                if let ConstraintKind::ForeignKey(key) = &mut constraint.kind
                    && key.references == *name
                {
                    rename_all(&mut key.referenced_columns, from, to);
                }
            }
        }
        for sequence in self.catalog.sequences.values_mut() {
            if let Some((_, column)) =
                sequence.owned_by.as_mut().filter(|(owner, column)| owner == name && column == from)
            {
                to.clone_into(column);
            }
        }
    }
}

fn rename_all(names: &mut [String], from: &str, to: &str) {
    for name in names.iter_mut().filter(|name| *name == from) {
        to.clone_into(name);
    }
}

fn rename_in_table(table: &mut Table, from: &str, to: &str) {
    if let Some(column) = table.column_mut(from) {
        to.clone_into(&mut column.name);
    }
    let text = |expression: &mut String| {
        if let Cow::Owned(changed) = rename_column_in_expression(expression, from, to) {
            *expression = changed;
        }
    };
    for column in &mut table.columns {
        if let Some(generated) = &mut column.generated {
            text(&mut generated.expression);
        }
    }
    for constraint in &mut table.constraints {
        match &mut constraint.kind {
            ConstraintKind::PrimaryKey { columns } | ConstraintKind::Unique { columns, .. } => {
                rename_all(columns, from, to);
            }
            ConstraintKind::ForeignKey(key) => rename_all(&mut key.columns, from, to),
            ConstraintKind::Check { expression, columns, .. } => {
                rename_all(columns, from, to);
                text(expression);
            }
            ConstraintKind::Exclusion { definition } => text(definition),
            ConstraintKind::NotNull { column } if column == from => to.clone_into(column),
            ConstraintKind::NotNull { .. } => {}
        }
    }
    for index in &mut table.indexes {
        for key in &mut index.keys {
            if key.column.as_deref() == Some(from) {
                key.column = Some(to.to_owned());
            }
            key.expression.as_mut().map(text);
        }
        rename_all(&mut index.include, from, to);
        index.predicate.as_mut().map(text);
    }
    for policy in &mut table.policies {
        policy.using.as_mut().map(text);
        policy.with_check.as_mut().map(text);
    }
}
