//! `DROP`, with what goes along: indexes and constraints with their columns, foreign keys with the tables they
//! point to, sequences with their owners.

use pgsteward_model::catalog::{ConstraintKind, QName};
use pgsteward_model::lock::LockMode;
use pgsteward_model::place::{ObjectKind, ObjectRef};
use pgsteward_model::statement::Name;

use super::Replay;
use super::alter::{names_column, uses_column};
use super::create::constraint_kind;

impl Replay<'_> {
    pub(super) fn drop_objects(
        &mut self,
        kind: ObjectKind,
        names: &[Name],
        on: Option<&Name>,
        if_exists: bool,
        cascade: bool,
        concurrently: bool,
    ) {
        self.effect.needs_no_transaction = concurrently;
        for name in names {
            match kind {
                ObjectKind::Table => {
                    if self.is_temporary(name) {
                        self.births.temporary.remove(&name.name);
                        continue;
                    }
                    let table = self.relation(name);
                    if self.table(&table).is_some() {
                        self.drop_table(&table, cascade);
                    } else if !if_exists {
                        self.touch(&table, LockMode::AccessExclusive);
                    }
                }
                ObjectKind::View | ObjectKind::MaterializedView => {
                    let view = self.relation(name);
                    if self.catalog.views.contains_key(&view) || !if_exists {
                        self.touch(&view, LockMode::AccessExclusive);
                        self.drop_view(&view, kind);
                    }
                }
                ObjectKind::Index => self.drop_index(name, concurrently),
                ObjectKind::Sequence => {
                    let sequence = self.relation(name);
                    if self.catalog.sequences.remove(&sequence).is_some() {
                        self.dropped(ObjectRef::in_namespace(kind, &sequence.namespace, &sequence.name));
                        if cascade {
                            self.drop_defaults_of(&sequence);
                        }
                    }
                }
                ObjectKind::Enum | ObjectKind::Domain | ObjectKind::CompositeType => {
                    self.drop_type(name, cascade);
                }
                ObjectKind::Schema => self.drop_schema(&name.name),
                ObjectKind::Extension => self.drop_extension(&name.name, cascade),
                ObjectKind::Function => self.drop_function(name, cascade),
                ObjectKind::Trigger | ObjectKind::Policy => {
                    if let Some(table) = on {
                        self.drop_part(kind, &name.name, table, if_exists);
                    }
                }
                _ => {}
            }
        }
    }

    pub(super) fn drop_table(&mut self, name: &QName, cascade: bool) {
        self.touch(name, LockMode::AccessExclusive);
        for child in self.descendants(name) {
            let partition = self.table(&child).is_some_and(|table| table.partition_of.is_some());
            if partition || cascade {
                self.touch(&child, LockMode::AccessExclusive);
                self.remove_table(&child, cascade);
            }
        }
        let parent =
            self.table(name).and_then(|table| table.partition_of.as_ref()).map(|of| of.parent.clone());
        if let Some(parent) = parent {
            self.touch(&parent, LockMode::AccessExclusive);
        }
        self.remove_table(name, cascade);
    }

    fn remove_table(&mut self, name: &QName, cascade: bool) {
        let Some(table) = self.catalog.tables.remove(name) else { return };
        for (_, key) in table.foreign_keys().filter(|(_, key)| key.references != *name) {
            // The triggers of the foreign key go from the table it points to.
            self.touch(&key.references, LockMode::AccessExclusive);
        }
        self.dropped(table.object());
        self.births.dropped(name);
        self.drop_owned_sequences(name, None);
        if cascade {
            self.drop_keys_to(name, None);
            self.drop_views_of(name);
        }
    }

    /// Drops the foreign keys that point to a table, or to some of its columns.
    fn drop_keys_to(&mut self, name: &QName, columns: Option<&[String]>) {
        for other in self.referencing(name).into_iter().chain([name.clone()]) {
            let Some(table) = self.table(&other) else { continue };
            let gone: Vec<String> = table
                .foreign_keys()
                .filter(|(_, key)| key.references == *name)
                .filter(|(_, key)| {
                    columns.is_none_or(|columns| {
                        key.referenced_columns.iter().any(|column| columns.contains(column))
                    })
                })
                .map(|(constraint, _)| constraint.name.clone())
                .collect();
            if gone.is_empty() {
                continue;
            }
            self.touch(&other, LockMode::AccessExclusive);
            for key in gone {
                self.dropped(ObjectRef::of_relation(
                    ObjectKind::ForeignKey,
                    &other.namespace,
                    &other.name,
                    &key,
                ));
                if let Some(table) = self.catalog.table_mut(&other) {
                    table.constraints.retain(|constraint| constraint.name != key);
                }
            }
        }
    }

    fn drop_views_of(&mut self, name: &QName) {
        let mut open = vec![name.clone()];
        while let Some(read) = open.pop() {
            let views: Vec<(QName, bool)> = self
                .catalog
                .views
                .values()
                .filter(|view| view.reads.contains(&read))
                .map(|view| (view.name.clone(), view.materialized))
                .collect();
            for (view, materialized) in views {
                let kind = if materialized { ObjectKind::MaterializedView } else { ObjectKind::View };
                self.touch(&view, LockMode::AccessExclusive);
                self.drop_view(&view, kind);
                open.push(view);
            }
        }
    }

    /// Views that read a column: the tables they read and the words of their definition tell.
    fn drop_views_of_column(&mut self, name: &QName, column: &str) {
        let views: Vec<(QName, bool)> = self
            .catalog
            .views
            .values()
            .filter(|view| view.reads.contains(name) && names_column(&view.definition, column))
            .map(|view| (view.name.clone(), view.materialized))
            .collect();
        for (view, materialized) in views {
            let kind = if materialized { ObjectKind::MaterializedView } else { ObjectKind::View };
            self.touch(&view, LockMode::AccessExclusive);
            self.drop_view(&view, kind);
            self.drop_views_of(&view);
        }
    }

    fn drop_view(&mut self, view: &QName, kind: ObjectKind) {
        if self.catalog.views.remove(view).is_some() {
            self.births.dropped(view);
            self.dropped(ObjectRef::relation(kind, &view.namespace, &view.name));
        }
    }

    pub(super) fn drop_owned_sequences(&mut self, table: &QName, column: Option<&str>) {
        self.catalog.sequences.retain(|_, sequence| {
            !sequence
                .owned_by
                .as_ref()
                .is_some_and(|(owner, owned)| owner == table && column.is_none_or(|column| column == owned))
        });
    }

    fn drop_defaults_of(&mut self, sequence: &QName) {
        let default = crate::lower::sequence_default(sequence);
        let users: Vec<QName> = self
            .catalog
            .tables
            .values()
            .filter(|table| table.columns.iter().any(|column| column.default.as_ref() == Some(&default)))
            .map(|table| table.name.clone())
            .collect();
        for user in users {
            self.touch(&user, LockMode::AccessExclusive);
            if let Some(table) = self.catalog.table_mut(&user) {
                for column in
                    table.columns.iter_mut().filter(|column| column.default.as_ref() == Some(&default))
                {
                    column.default = None;
                }
            }
        }
    }

    fn drop_index(&mut self, name: &Name, concurrently: bool) {
        let Some(owner) = self.index_owner(name) else { return };
        let lock = if concurrently { LockMode::ShareUpdateExclusive } else { LockMode::AccessExclusive };
        self.touch(&owner, lock);
        self.dropped(ObjectRef::of_relation(ObjectKind::Index, &owner.namespace, &owner.name, &name.name));
        if let Some(view) = self.catalog.views.get_mut(&owner) {
            view.indexes.retain(|index| index.name != name.name);
        }
        let gone = self.table(&owner).and_then(|table| table.index(&name.name)).cloned();
        let partitioned = self.table(&owner).is_some_and(|table| table.partitioning.is_some());
        if let Some(table) = self.catalog.table_mut(&owner) {
            table.indexes.retain(|index| index.name != name.name);
        }
        if let Some(gone) = gone.filter(|_| partitioned) {
            for child in self.descendants(&owner) {
                self.touch(&child, lock);
                if let Some(table) = self.catalog.table_mut(&child) {
                    let at = table.indexes.iter().position(|index| {
                        index.constraint.is_none()
                            && index.keys == gone.keys
                            && index.predicate == gone.predicate
                    });
                    at.map(|at| table.indexes.remove(at));
                }
            }
        }
    }

    fn drop_type(&mut self, name: &Name, cascade: bool) {
        let ty = self.type_name(name);
        let kind = if self.catalog.enums.remove(&ty).is_some() {
            ObjectKind::Enum
        } else if self.catalog.domains.remove(&ty).is_some() {
            ObjectKind::Domain
        } else if self.catalog.composites.remove(&ty).is_some() {
            ObjectKind::CompositeType
        } else {
            return;
        };
        self.dropped(ObjectRef::in_namespace(kind, &ty.namespace, &ty.name));
        if cascade {
            for (table, column) in self.columns_of_type(&ty) {
                self.touch(&table, LockMode::AccessExclusive);
                self.drop_column(&table, &column, true, false);
            }
        }
    }

    fn drop_schema(&mut self, namespace: &str) {
        if self.catalog.namespaces.remove(namespace).is_none() {
            return;
        }
        self.dropped(ObjectRef::named(ObjectKind::Schema, namespace));
        let tables: Vec<QName> =
            self.catalog.tables.keys().filter(|name| name.namespace == namespace).cloned().collect();
        for table in tables {
            if self.table(&table).is_some() {
                self.drop_table(&table, true);
            }
        }
        let enums: Vec<QName> =
            self.catalog.enums.keys().filter(|name| name.namespace == namespace).cloned().collect();
        for name in enums {
            self.drop_type(&Name::new(Some(&name.namespace), &name.name), true);
        }
        let inside = |name: &QName| name.namespace == namespace;
        self.catalog.views.retain(|name, _| !inside(name));
        self.catalog.sequences.retain(|name, _| !inside(name));
        self.catalog.domains.retain(|name, _| !inside(name));
        self.catalog.composites.retain(|name, _| !inside(name));
        self.catalog.functions.retain(|id, _| !inside(&id.name));
    }

    fn drop_extension(&mut self, name: &str, cascade: bool) {
        if self.catalog.extensions.remove(name).is_some() {
            self.dropped(ObjectRef::named(ObjectKind::Extension, name));
            // What it brought along is not in the catalog; what used that is not known.
            self.effect.unknown |= cascade;
        }
    }

    fn drop_function(&mut self, name: &Name, cascade: bool) {
        let candidates: Vec<_> = self
            .catalog
            .functions
            .keys()
            .filter(|id| {
                id.name.name == name.name
                    && match &name.namespace {
                        Some(namespace) => id.name.namespace == *namespace,
                        None => self.births.search_path.contains(&id.name.namespace),
                    }
            })
            .cloned()
            .collect();
        // The statement's arguments are not modelled: among several overloads it is not known which goes.
        let [id] = candidates.as_slice() else {
            self.effect.unknown |= !candidates.is_empty();
            return;
        };
        self.catalog.functions.remove(id);
        self.dropped(ObjectRef {
            arguments: Some(id.arguments.clone()),
            ..ObjectRef::in_namespace(ObjectKind::Function, &id.name.namespace, &id.name.name)
        });
        if cascade {
            let users: Vec<(QName, String)> = self
                .catalog
                .tables
                .values()
                .flat_map(|table| table.triggers.iter().map(move |trigger| (table, trigger)))
                .filter(|(_, trigger)| {
                    trigger.function.as_ref().is_some_and(|used| used.name == id.name.name)
                })
                .map(|(table, trigger)| (table.name.clone(), trigger.name.clone()))
                .collect();
            for (table, trigger) in users {
                let table = Name::new(Some(&table.namespace), &table.name);
                self.drop_part(ObjectKind::Trigger, &trigger, &table, true);
            }
        }
    }

    fn drop_part(&mut self, kind: ObjectKind, name: &str, table: &Name, if_exists: bool) {
        let relation = self.relation(table);
        if if_exists && self.table(&relation).is_none() && !self.catalog.views.contains_key(&relation) {
            return;
        }
        self.touch(&relation, LockMode::AccessExclusive);
        let mut gone = false;
        if let Some(table) = self.catalog.table_mut(&relation) {
            let before = table.triggers.len() + table.policies.len();
            if kind == ObjectKind::Trigger {
                table.triggers.retain(|trigger| trigger.name != name);
            } else {
                table.policies.retain(|policy| policy.name != name);
            }
            gone = before != table.triggers.len() + table.policies.len();
        }
        if gone {
            self.dropped(ObjectRef::of_relation(kind, &relation.namespace, &relation.name, name));
        }
    }

    /// Drops a column with the indexes and constraints that it is part of.
    pub(super) fn drop_column(&mut self, name: &QName, column: &str, cascade: bool, only: bool) {
        let Some(table) = self.table(name) else { return };
        if table.column(column).is_none() {
            return;
        }
        let object = table.column_object(column);
        let referenced: Vec<QName> = table
            .foreign_keys()
            .filter(|(_, key)| key.columns.iter().any(|own| own == column) && key.references != *name)
            .map(|(_, key)| key.references.clone())
            .collect();
        self.dropped(object);
        for references in referenced {
            self.touch(&references, LockMode::AccessExclusive);
        }
        if cascade {
            self.drop_keys_to(name, Some(&[column.to_owned()]));
            self.drop_views_of_column(name, column);
        }
        self.drop_owned_sequences(name, Some(column));
        let children = if only { Vec::new() } else { self.descendants(name) };
        for relation in std::iter::once(name.clone()).chain(children) {
            let Some(table) = self.catalog.table_mut(&relation) else { continue };
            table.columns.retain(|own| own.name != column);
            table.constraints.retain(|constraint| match &constraint.kind {
                ConstraintKind::PrimaryKey { columns } | ConstraintKind::Unique { columns, .. } => {
                    !columns.iter().any(|own| own == column)
                }
                ConstraintKind::ForeignKey(key) => !key.columns.iter().any(|own| own == column),
                ConstraintKind::Check { columns, .. } => !columns.iter().any(|own| own == column),
                ConstraintKind::Exclusion { definition } => !names_column(definition, column),
                ConstraintKind::NotNull { column: own } => own != column,
            });
            table.indexes.retain(|index| !uses_column(index, column));
            // Policies and triggers may speak of the column; then the statement fails or takes them along.
            let policies = table.policies.len();
            let says = |text: &Option<String>| text.as_deref().is_some_and(|text| names_column(text, column));
            table.policies.retain(|policy| !(says(&policy.using) || says(&policy.with_check)));
            table.unknown |= policies != table.policies.len();
        }
    }

    pub(super) fn drop_constraint(&mut self, name: &QName, constraint: &str, cascade: bool, only: bool) {
        let Some(table) = self.table(name) else { return };
        let Some(found) = table.constraint(constraint) else { return };
        let object = table.part(constraint_kind(&found.kind), constraint);
        let kind = found.kind.clone();
        self.dropped(object);
        match &kind {
            ConstraintKind::ForeignKey(key) if key.references != *name => {
                self.touch(&key.references, LockMode::AccessExclusive);
            }
            ConstraintKind::PrimaryKey { columns } | ConstraintKind::Unique { columns, .. } if cascade => {
                self.drop_keys_to(name, Some(columns));
            }
            _ => {}
        }
        let inherited = self.table(name).is_some_and(|table| table.partitioning.is_some())
            || matches!(kind, ConstraintKind::Check { no_inherit: false, .. });
        let children = if only || !inherited { Vec::new() } else { self.descendants(name) };
        let not_null = match &kind {
            ConstraintKind::NotNull { column } => Some(column.clone()),
            _ => None,
        };
        for relation in std::iter::once(name.clone()).chain(children) {
            let Some(table) = self.catalog.table_mut(&relation) else { continue };
            let own = if relation == *name {
                Some(constraint.to_owned())
            } else {
                table.constraints.iter().find(|own| own.kind == kind).map(|own| own.name.clone())
            };
            let Some(own) = own else { continue };
            table.constraints.retain(|other| other.name != own);
            table.indexes.retain(|index| index.constraint.as_ref() != Some(&own));
            if let Some(column) = not_null.as_ref().and_then(|column| table.column_mut(column)) {
                column.not_null = false;
            }
        }
    }
}
