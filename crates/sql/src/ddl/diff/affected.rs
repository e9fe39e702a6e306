//! What cannot be changed in place, and what must give way for it.
//!
//! PostgreSQL refuses to change the type of a column that a view, a policy, a trigger or a generated column
//! uses, and to drop what anything uses. Such objects are dropped first and made again at the end. What an
//! object uses is read in its text: introspection prints qualified names. A name that only looks like one in
//! use costs an object made again, never a wrong result.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{
    Catalog, Column, ColumnType, Constraint, ConstraintKind, Domain, Enum, Function, FunctionId,
    FunctionKind, Index, Policy, QName, Sequence, StatisticsObject, Table, Trigger, View,
};

use super::cast;
use crate::ddl::order::{identifiers, names};
use crate::ddl::{column_type, object};

#[derive(Default)]
pub(super) struct Affected {
    /// Dropped, or dropped and made again.
    pub(super) tables: BTreeSet<QName>,
    /// Types of both catalogs that are made again under their names.
    pub(super) types: BTreeSet<QName>,
    /// Functions that must be gone before others can be made.
    pub(super) functions: BTreeSet<FunctionId>,
    /// Dropped, or dropped and made again.
    pub(super) views: BTreeSet<QName>,
    /// Views that another definition takes the place of, with all that is theirs.
    pub(super) replaced: BTreeSet<QName>,
    /// Columns whose type is changed.
    pub(super) retyped: BTreeSet<(QName, String)>,
    /// Columns that are dropped and added anew, because nothing leads from the one to the other.
    pub(super) readded: BTreeSet<(QName, String)>,
    /// Columns that are only dropped.
    pub(super) dropped: BTreeSet<(QName, String)>,
    /// Sequences that are not wanted any more, or come with an identity on one side only.
    pub(super) sequences: BTreeSet<QName>,
}

impl Affected {
    /// `readded` are columns that get another type and are known to be other ones.
    pub(super) fn of(from: &Catalog, to: &Catalog, readded: &BTreeSet<(QName, String)>) -> Affected {
        let recreated = |table: &&std::sync::Arc<Table>| {
            to.table(&table.name).is_none_or(|other| must_be_recreated(table, other))
        };
        let tables = from.tables.values().filter(recreated).map(|table| table.name.clone()).collect();
        let mut affected = Affected { tables, ..Affected::default() };
        let gone = |sequence: &&Sequence| match to.sequences.get(&sequence.name) {
            Some(other) => {
                object::comes_with_identity(from, sequence) != object::comes_with_identity(to, other)
            }
            None => true,
        };
        affected.sequences = from.sequences.values().filter(gone).map(|one| one.name.clone()).collect();
        affected.types = exchanged(from, to);
        loop {
            let more = composites_and_domains_over(from, &affected.types);
            let more: Vec<QName> =
                more.filter(|name| is_type(to, name) && !affected.types.contains(name)).collect();
            if more.is_empty() {
                break;
            }
            affected.types.extend(more);
        }
        let retyped = |(table, column): &&(QName, String)| {
            let ty = |side: &Catalog| Some(side.table(table)?.column(column)?.ty.clone());
            ty(from).zip(ty(to)).is_some_and(|(old, new)| old != new || affected.is_new(&new))
        };
        affected.readded = readded.iter().filter(retyped).cloned().collect();
        for (id, function) in &from.functions {
            let replaced = to.functions.get(id).is_some_and(|other| !can_replace(function, other));
            let in_the_way =
                !to.functions.contains_key(id) && to.functions.keys().any(|other| other.name == id.name);
            if replaced || in_the_way {
                affected.functions.insert(id.clone());
            }
        }
        for (name, view) in &from.views {
            match to.views.get(name) {
                Some(other) if same_view(view, other) => continue,
                Some(other) if can_replace_view(view, other) && !holds_what_goes(view, from, to) => {
                    affected.replaced.insert(name.clone())
                }
                _ => affected.views.insert(name.clone()),
            };
        }
        // Whatever gives way may have others on it.
        while affected.grow(from, to) {}
        let Affected { views, replaced, .. } = &mut affected;
        replaced.retain(|name| !views.contains(name));
        affected
    }

    fn grow(&mut self, from: &Catalog, to: &Catalog) -> bool {
        let before = self.size();
        for (name, table) in &from.tables {
            let Some(wanted) = to.table(name).filter(|_| !self.tables.contains(name)) else { continue };
            for column in &table.columns {
                self.column(table, wanted, column);
            }
        }
        for (id, function) in &from.functions {
            let text = header(function);
            if to.functions.contains_key(id) && names(text).iter().any(|name| self.is_gone(name)) {
                self.functions.insert(id.clone());
            }
        }
        for (name, view) in &from.views {
            let reads = view.reads.iter().any(|name| self.is_gone(name));
            if !self.views.contains(name) && (reads || self.changes(&view.definition, &view.reads)) {
                self.views.insert(name.clone());
            }
        }
        self.size() > before
    }

    fn column(&mut self, table: &Table, wanted: &Table, column: &Column) {
        let key = (table.name.clone(), column.name.clone());
        let Some(other) = wanted.column(&column.name) else {
            self.dropped.insert(key);
            return;
        };
        if self.readded.contains(&key) {
            return;
        }
        if must_be_readded(column, other) {
            self.readded.insert(key);
            return;
        }
        if let Some(generated) = &column.generated
            && self.changes(&generated.expression, std::slice::from_ref(&table.name))
        {
            self.readded.insert(key);
            return;
        }
        if column.ty == other.ty && column.collation == other.collation && !self.is_new(&other.ty) {
            return;
        }
        match cast::using(&column.name, &column.ty, &other.ty, &self.types) {
            Some(_) => self.retyped.insert(key),
            None => self.readded.insert(key),
        };
    }

    /// Whether the type is another one than that of its name was.
    fn is_new(&self, ty: &ColumnType) -> bool {
        type_name(ty).is_some_and(|name| self.types.contains(&name))
    }

    fn size(&self) -> usize {
        let Affected { tables, types, functions, views, retyped, readded, dropped, sequences, .. } = self;
        let names = tables.len() + types.len() + functions.len() + views.len() + sequences.len();
        names + retyped.len() + readded.len() + dropped.len()
    }

    /// Whether the name is one of something that is not there for a while, or never again.
    pub(super) fn is_gone(&self, name: &QName) -> bool {
        self.tables.contains(name)
            || self.types.contains(name)
            || self.views.contains(name)
            || self.sequences.contains(name)
            || self.functions.iter().any(|id| id.name == *name)
    }

    /// Whether a column of the table changes its type, is dropped, or both.
    pub(super) fn column_changes(&self, table: &QName, column: &str) -> bool {
        let key = (table.clone(), column.to_owned());
        self.retyped.contains(&key) || self.readded.contains(&key) || self.dropped.contains(&key)
    }

    /// Whether a text that speaks of these relations, and those it names, uses what changes.
    pub(super) fn changes(&self, text: &str, relations: &[QName]) -> bool {
        let named = names(text);
        if named.iter().any(|name| self.is_gone(name)) {
            return true;
        }
        let mut changing = [&self.retyped, &self.readded, &self.dropped].into_iter().flatten().peekable();
        if changing.peek().is_none() {
            return false;
        }
        let words = identifiers(text);
        changing.any(|(table, column)| {
            (relations.contains(table) || named.contains(table)) && words.contains(column)
        })
    }

    pub(super) fn index(&self, table: &QName, index: &Index) -> bool {
        let columns = index.keys.iter().filter_map(|key| key.column.as_ref()).chain(&index.include);
        let again = |column: &String| self.readded.contains(&(table.clone(), column.clone()));
        let texts = index.keys.iter().filter_map(|key| key.expression.as_ref()).chain(&index.predicate);
        columns.clone().any(again)
            || texts.into_iter().any(|text| self.changes(text, std::slice::from_ref(table)))
            || (index.keys.iter().any(|key| key.opclass.is_some())
                && columns.into_iter().any(|column| self.column_changes(table, column)))
    }

    pub(super) fn constraint(&self, table: &QName, constraint: &Constraint) -> bool {
        let again = |column: &String| self.readded.contains(&(table.clone(), column.clone()));
        let own = std::slice::from_ref(table);
        match &constraint.kind {
            ConstraintKind::PrimaryKey { columns } | ConstraintKind::Unique { columns, .. } => {
                columns.iter().any(again)
            }
            ConstraintKind::ForeignKey(key) => {
                key.columns.iter().any(|column| self.column_changes(table, column))
                    || key.referenced_columns.iter().any(|one| self.column_changes(&key.references, one))
                    || self.tables.contains(&key.references)
            }
            ConstraintKind::Check { expression, columns, .. } => {
                columns.iter().any(|column| self.column_changes(table, column))
                    || self.changes(expression, own)
            }
            ConstraintKind::Exclusion { definition } => self.changes(definition, own),
            ConstraintKind::NotNull { column } => again(column),
        }
    }

    pub(super) fn trigger(&self, table: &QName, trigger: &Trigger) -> bool {
        self.changes(&trigger.definition, std::slice::from_ref(table))
    }

    /// A column that changes its type takes them along.
    pub(super) fn statistics(&self, one: &StatisticsObject) -> bool {
        let named = names(&one.definition);
        if self.is_gone(&one.on) || named.iter().any(|name| self.is_gone(name)) {
            return true;
        }
        let words = identifiers(&one.definition);
        let gone = self.readded.iter().chain(&self.dropped);
        gone.filter(|(table, _)| *table == one.on).any(|(_, column)| words.contains(column))
    }

    pub(super) fn policy(&self, table: &QName, policy: &Policy) -> bool {
        let texts = policy.using.iter().chain(&policy.with_check);
        texts.into_iter().any(|text| self.changes(text, std::slice::from_ref(table)))
    }
}

/// What no ALTER TABLE makes of a table.
fn must_be_recreated(from: &Table, to: &Table) -> bool {
    from.kind != to.kind || from.partitioning != to.partitioning
}

/// Generated columns only ever become plain ones.
fn must_be_readded(from: &Column, to: &Column) -> bool {
    from.generated != to.generated
        && (to.generated.is_some() || from.generated.as_ref().is_some_and(|g| !g.stored))
}

/// Types of both catalogs that no ALTER TYPE leads from the one to the other.
fn exchanged(from: &Catalog, to: &Catalog) -> BTreeSet<QName> {
    let enums = from.enums.values().filter(|old| {
        to.enums.get(&old.name).is_some_and(|new| old.values != new.values && !can_grow(old, new, from, to))
    });
    let domains = from.domains.values().filter(|old| {
        to.domains.get(&old.name).is_some_and(|new: &Domain| column_type(&old.base) != column_type(&new.base))
    });
    let composites = from
        .composites
        .values()
        .filter(|old| to.composites.get(&old.name).is_some_and(|new| old.attributes != new.attributes));
    let ranges = from
        .ranges
        .values()
        .filter(|old| to.ranges.get(&old.name).is_some_and(|new| old.definition != new.definition));
    let same_kind = enums
        .map(|one| &one.name)
        .chain(domains.map(|one| &one.name))
        .chain(composites.map(|one| &one.name))
        .chain(ranges.map(|one| &one.name));
    let other_kind = types(from).filter(|name| is_type(to, name) && kind(from, name) != kind(to, name));
    same_kind.chain(other_kind).cloned().collect()
}

fn types(catalog: &Catalog) -> impl Iterator<Item = &QName> {
    let enums = catalog.enums.keys().chain(catalog.domains.keys());
    enums.chain(catalog.composites.keys()).chain(catalog.ranges.keys())
}

pub(super) fn is_type(catalog: &Catalog, name: &QName) -> bool {
    kind(catalog, name) > 0
}

fn kind(catalog: &Catalog, name: &QName) -> u8 {
    match () {
        () if catalog.enums.contains_key(name) => 1,
        () if catalog.domains.contains_key(name) => 2,
        () if catalog.composites.contains_key(name) => 3,
        () if catalog.ranges.contains_key(name) => 4,
        () => 0,
    }
}

/// Whether ALTER TYPE … ADD VALUE leads there. A new label may not be used before the transaction that adds it
/// has ended, so the type is exchanged where anything names one.
pub(super) fn can_grow(old: &Enum, new: &Enum, from: &Catalog, to: &Catalog) -> bool {
    let mut wanted = new.values.iter();
    let grows = old.values.iter().all(|label| wanted.any(|other| other == label));
    if !grows || from.version.major() < 12 {
        return false;
    }
    let added: Vec<String> = new
        .values
        .iter()
        .filter(|label| !old.values.contains(label))
        .map(|label| crate::quote_literal(label))
        .collect();
    let uses = |text: &str| added.iter().any(|label| text.contains(label.as_str()));
    let in_table = |table: &Table| {
        let defaults = table.columns.iter().flat_map(|column| {
            column.default.iter().chain(column.generated.as_ref().map(|generated| &generated.expression))
        });
        let predicates = table.indexes.iter().flat_map(|index| {
            index.predicate.iter().chain(index.keys.iter().filter_map(|key| key.expression.as_ref()))
        });
        let checks = table.constraints.iter().filter_map(|constraint| match &constraint.kind {
            ConstraintKind::Check { expression, .. } => Some(expression),
            ConstraintKind::Exclusion { definition } => Some(definition),
            _ => None,
        });
        let policies = table.policies.iter().flat_map(|policy| policy.using.iter().chain(&policy.with_check));
        let triggers = table.triggers.iter().map(|trigger| &trigger.definition);
        defaults.chain(predicates).chain(checks).chain(policies).chain(triggers).any(|text| uses(text))
    };
    !to.tables.values().any(|table| in_table(table)) && !to.views.values().any(|view| uses(&view.definition))
}

fn composites_and_domains_over<'a>(
    catalog: &'a Catalog,
    types: &'a BTreeSet<QName>,
) -> impl Iterator<Item = QName> + 'a {
    let over = |ty: &ColumnType| type_name(ty).is_some_and(|name| types.contains(&name));
    let composites = catalog
        .composites
        .values()
        .filter(move |one| one.attributes.iter().any(|(_, ty)| over(ty)))
        .map(|one| one.name.clone());
    let domains = catalog.domains.values().filter(move |one| over(&one.base)).map(|one| one.name.clone());
    composites.chain(domains)
}

/// The name of a user's type.
pub(super) fn type_name(ty: &ColumnType) -> Option<QName> {
    Some(QName::new(ty.namespace.as_ref()?, &ty.name))
}

/// The part of a function's definition that is bound to other objects: a body in quotes is not.
pub(super) fn header(function: &Function) -> &str {
    let Some(definition) = &function.definition else { return &function.body };
    definition.find("\nAS ").map_or(definition, |end| &definition[..end])
}

/// CREATE OR REPLACE changes neither arguments nor the result.
fn can_replace(from: &Function, to: &Function) -> bool {
    let first_line = |function: &Function| {
        object::function(function).and_then(|sql| sql.lines().next().map(str::to_owned))
    };
    let plain = |kind: FunctionKind| kind != FunctionKind::Aggregate;
    same_function(from, to)
        || (plain(from.kind)
            && from.kind == to.kind
            && from.returns == to.returns
            && first_line(from).is_some_and(|line| first_line(to).as_ref() == Some(&line)))
}

pub(super) fn same_function(from: &Function, to: &Function) -> bool {
    from.kind == to.kind
        && from.returns == to.returns
        && from.body == to.body
        && from.definition == to.definition
}

/// CREATE OR REPLACE changes neither names nor types of a view's columns.
fn can_replace_view(from: &View, to: &View) -> bool {
    !from.materialized && !to.materialized && from.columns == to.columns && !to.columns.is_empty()
}

/// Whether the old text uses what is dropped before the new one takes its place: a type, or a primary key, which `GROUP BY`
/// may rest on.
fn holds_what_goes(view: &View, from: &Catalog, to: &Catalog) -> bool {
    let no_type_there = |name: &QName| is_type(from, name) && !is_type(to, name);
    let key = |catalog: &Catalog, name: &QName| {
        let (constraint, columns) = catalog.table(name)?.primary_key()?;
        let waits = (constraint.deferrable, constraint.initially_deferred);
        Some((constraint.name.clone(), columns.to_vec(), waits))
    };
    let loses_key = |name: &QName| key(from, name).is_some_and(|old| key(to, name) != Some(old));
    names(&view.definition).iter().any(no_type_there) || view.reads.iter().any(loses_key)
}

fn same_view(from: &View, to: &View) -> bool {
    from.materialized == to.materialized
        && from.definition == to.definition
        && from.options == to.options
        && from.columns == to.columns
}
