//! One table on both sides: its columns, keys, indexes and foreign keys.

use pgsteward_model::catalog::{Column, ForeignKey, Index, IndexKey, Table};

use super::meaning::{self, Meaning};
use super::operator_classes;
use super::order::Steps;
use super::types::{self, TypeChange};
use super::view::{View, foreign_keys_in_order, is_autoincrement};
use super::{ColumnChange, SchemaStep, TableChange};

pub(crate) struct TablePair<'a> {
    view: View<'a>,
    pub(crate) before: &'a Table,
    pub(crate) after: &'a Table,
}

/// Whether a column may hold NULL, or is a list: then Prisma does not look at NOT NULL. The names are those of
/// Prisma's summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arity {
    Required,
    Nullable,
    List,
}

pub(crate) struct ColumnChanges {
    /// Before and after.
    pub(crate) arity: Option<(Arity, Arity)>,
    pub(crate) default: bool,
    pub(crate) ty: TypeChange,
    /// True where the column begins to count by itself, false where it stops.
    pub(crate) autoincrement: Option<bool>,
}

impl<'a> TablePair<'a> {
    pub(crate) fn new(view: View<'a>, before: &'a Table, after: &'a Table) -> TablePair<'a> {
        TablePair { view, before, after }
    }

    pub(super) fn push(&self, steps: &mut Steps) {
        self.foreign_keys(steps);
        self.indexes(steps);
        let changes = self.changes();
        if !changes.is_empty() {
            let table = self.before.name.clone();
            let (before, after) = self.positions();
            steps.push([before, after, 0], SchemaStep::AlterTable { table, changes });
        }
    }

    /// The table's place on either side.
    fn positions(&self) -> (usize, usize) {
        (self.view.before.position(&self.before.name), self.view.after.position(&self.after.name))
    }

    pub(crate) fn type_change(&self, before: &'a Column, after: &'a Column) -> TypeChange {
        types::change(self.view.column_type(before, false), self.view.column_type(after, true))
    }

    /// The type change of a column that both sides have.
    fn change_of(&self, column: &str) -> TypeChange {
        match (self.before.column(column), self.after.column(column)) {
            (Some(before), Some(after)) => self.type_change(before, after),
            _ => TypeChange::Same,
        }
    }

    pub(crate) fn arity(&self, column: &'a Column, next: bool) -> Arity {
        match (self.view.column_type(column, next).array > 0, column.not_null) {
            (true, _) => Arity::List,
            (false, true) => Arity::Required,
            (false, false) => Arity::Nullable,
        }
    }

    fn changes(&self) -> Vec<TableChange> {
        let mut changes = Vec::new();
        let (old_key, new_key) = (self.before.primary_key(), self.after.primary_key());
        let recreated =
            |columns: &[String]| columns.iter().any(|column| self.change_of(column) == TypeChange::Recreate);
        let key_changed = match (old_key, new_key) {
            (Some((_, old)), Some((_, new))) => {
                old != new || old.iter().any(|column| self.change_of(column) != TypeChange::Same)
            }
            _ => false,
        };
        let drop_key = match old_key {
            Some((_, columns)) => new_key.is_none() || key_changed || recreated(columns),
            None => false,
        };
        if let Some((constraint, _)) = old_key
            && drop_key
        {
            changes.push(TableChange::DropPrimaryKey { name: constraint.name.clone() });
        }
        if let (Some((old, _)), Some((new, _))) = (old_key, new_key)
            && old.name != new.name
        {
            changes.push(TableChange::RenamePrimaryKey { from: old.name.clone(), to: new.name.clone() });
        }
        let mut dropped: Vec<&Column> =
            self.before.columns.iter().filter(|column| self.after.column(&column.name).is_none()).collect();
        dropped.sort_by_key(|column| &column.name);
        changes
            .extend(dropped.into_iter().map(|column| TableChange::DropColumn { name: column.name.clone() }));
        let mut added: Vec<&Column> =
            self.after.columns.iter().filter(|column| self.before.column(&column.name).is_none()).collect();
        added.sort_by_key(|column| &column.name);
        changes.extend(
            added.into_iter().map(|column| TableChange::AddColumn(self.view.new_column(self.after, column))),
        );
        for before in &self.before.columns {
            changes.extend(self.after.column(&before.name).and_then(|after| self.column(before, after)));
        }
        if let Some((constraint, columns)) = new_key
            && (old_key.is_none() || drop_key)
        {
            let (name, columns) = (constraint.name.clone(), columns.to_vec());
            changes.push(TableChange::AddPrimaryKey { name, columns });
        }
        changes
    }

    /// What differs between the two sides of a column.
    pub(crate) fn column_changes(&self, before: &'a Column, after: &'a Column) -> ColumnChanges {
        let (old, new) = (self.arity(before, false), self.arity(after, true));
        ColumnChanges {
            arity: (old != new).then_some((old, new)),
            default: self.default_changed(before, after),
            ty: self.type_change(before, after),
            autoincrement: (is_autoincrement(before) != is_autoincrement(after))
                .then(|| is_autoincrement(after)),
        }
    }

    fn column(&self, before: &'a Column, after: &'a Column) -> Option<TableChange> {
        let found = self.column_changes(before, after);
        if found.ty == TypeChange::Recreate {
            return Some(TableChange::RecreateColumn(self.view.new_column(self.after, after)));
        }
        let mut changes = Vec::new();
        let mut set_type = found.ty != TypeChange::Same;
        if let Some((old, new)) = found.arity {
            set_type |= old == Arity::List || new == Arity::List;
            match new {
                Arity::Required => changes.push(ColumnChange::SetNotNull),
                Arity::Nullable => changes.push(ColumnChange::DropNotNull),
                Arity::List => {}
            }
        }
        if found.default {
            changes.push(match self.view.default_sql(self.after, after) {
                Some(default) => ColumnChange::SetDefault(default),
                None => ColumnChange::DropDefault,
            });
        }
        match found.autoincrement {
            Some(false) => {
                // A schema knows no sequences.
                let known = self.view.options.before.is_none();
                let sequence = known.then(|| self.unused_sequence(before)).flatten();
                changes.push(ColumnChange::DropSequence { sequence });
            }
            Some(true) => changes.push(ColumnChange::AddSequence { name: self.sequence_name(after) }),
            None => {}
        }
        if set_type {
            changes.push(ColumnChange::SetType(self.view.type_sql(self.after, after, false)));
        }
        (!changes.is_empty()).then(|| TableChange::AlterColumn { name: after.name.clone(), changes })
    }

    fn default_changed(&self, before: &'a Column, after: &'a Column) -> bool {
        let (ty, before_ty) = (self.view.column_type(after, true), self.view.column_type(before, false));
        let (old, new) = (meaning_of(before, before_ty), meaning_of(after, ty));
        let moment = |meaning: &Meaning, ty| meaning::is_date_time(ty) && matches!(meaning, Meaning::Text(_));
        if moment(&old, before_ty) {
            // Prisma takes it for equal to whatever takes its place.
            return self.written_nothing(after);
        }
        match (
            self.view.written_default(self.before, before, false),
            self.view.written_default(self.after, after, true),
        ) {
            // What the schema leaves to the database is as it is there.
            (_, Some(None)) => false,
            (Some(None), _) => true,
            (Some(Some(old)), Some(Some(new))) => old != new,
            (Some(Some(written)), None) => {
                !moment(&new, ty)
                    && new != Meaning::Sequence
                    && !(is_unread(&new, ty) && after.default.as_ref() == Some(written))
            }
            (None, Some(Some(written))) => {
                !(is_unread(&old, before_ty) && before.default.as_ref() == Some(written))
            }
            (None, None) => match (&old, &new) {
                // Sequences are made and dropped apart.
                (_, Meaning::Sequence) | (Meaning::Sequence, Meaning::Null) => false,
                (old, new) => {
                    !meaning::same(old, new, ty) || meaning::other_numbers((old, before_ty), (new, ty))
                }
            },
        }
    }

    /// True where the schema asks for no default at all.
    fn written_nothing(&self, after: &'a Column) -> bool {
        after.default.is_none() && self.view.written_default(self.after, after, true).is_none()
    }

    /// The name in `nextval('…')`, where no column of the schema's side uses it.
    fn unused_sequence(&self, column: &Column) -> Option<String> {
        let name = sequence_in(column.default.as_deref()?)?;
        let used =
            self.view.after.catalog.tables.values().flat_map(|table| &table.columns).any(|column| {
                column.default.as_deref().and_then(sequence_in).as_deref() == Some(name.as_str())
            });
        (!used).then_some(name)
    }

    fn sequence_name(&self, column: &Column) -> String {
        let table = &self.after.name;
        let bare = !self.view.options.style(self.view.after.catalog).names_public;
        let namespace = match table.namespace.as_str() {
            crate::calculate::DEFAULT_NAMESPACE if bare => String::new(),
            namespace => format!("{}.", crate::render::quote(namespace)),
        };
        format!("{namespace}{}", format!("{}_{}_seq", table.name, column.name).to_lowercase())
    }

    fn indexes(&self, steps: &mut Steps) {
        let (place, next_place) = self.positions();
        let before = self.view.visible_indexes(self.before, false);
        let after = self.view.visible_indexes(self.after, true);
        let unseen = self.view.unseen_indexes(self.before);
        for (at, index) in before.iter().enumerate() {
            if !after.iter().any(|other| self.same_index(index, other)) {
                let (table, name) = (self.before.name.clone(), index.name.clone());
                if self.becomes_primary_key(index) {
                    steps.replaced.push((table.clone(), name.clone()));
                }
                steps.push([place, at, 0], SchemaStep::DropIndex { table, name });
            }
        }
        for (at, index) in after.iter().enumerate() {
            let twin = before.iter().chain(&unseen).find(|other| self.same_index(other, index));
            let rebuilt = twin.is_some()
                && index.leading_columns().iter().any(|name| self.change_of(name) == TypeChange::Recreate);
            if twin.is_none() || rebuilt {
                let mut index = self.view.new_index(self.after, index);
                index.rebuilt = rebuilt;
                let table = self.after.name.clone();
                steps.push([place + 1, next_place, at], SchemaStep::CreateIndex { table, index });
            }
        }
        for (at, index) in before.iter().enumerate() {
            // Of several indexes over the same columns it is not known which one was renamed.
            let alone = before.iter().filter(|other| {
                other.leading_columns() == index.leading_columns() && other.unique == index.unique
            });
            let twin = after.iter().find(|other| self.same_index(index, other));
            if let (1, Some(twin)) = (alone.count(), twin)
                && twin.name != index.name
            {
                let (table, from, to) = (self.before.name.clone(), index.name.clone(), twin.name.clone());
                steps.push([place, at, 0], SchemaStep::RenameIndex { table, from, to });
            }
        }
    }

    fn same_index(&self, before: &Index, after: &Index) -> bool {
        let named = |index: &Index, name: &Option<String>| {
            name.clone().filter(|name| !operator_classes::is_default(&index.method, name))
        };
        // Prisma does not see the operator classes of B-trees in a database.
        let class = |a: &IndexKey, b: &IndexKey| {
            let blind = before.method == "btree" && self.view.before.schema.is_none() && b.opclass.is_none();
            blind || named(before, &a.opclass) == named(after, &b.opclass)
        };
        before.unique == after.unique
            && before.method == after.method
            && same_width(before, after)
            && before
                .keys
                .iter()
                .zip(&after.keys)
                .all(|(a, b)| a.column == b.column && a.descending == b.descending && class(a, b))
            && match (&before.predicate, &after.predicate) {
                (None, None) => true,
                (Some(a), Some(b)) => meaning::same_expression(a, b),
                // Without the preview feature a predicate of the schema is not looked at.
                _ => !self.view.options.partial_indexes,
            }
    }

    /// True for a unique index of a table without primary key whose columns become the key.
    fn becomes_primary_key(&self, index: &Index) -> bool {
        let Some((_, columns)) = self.after.primary_key() else { return false };
        index.unique
            && self.before.primary_key().is_none()
            && index.leading_columns() == columns
            && columns.iter().all(|column| self.change_of(column) != TypeChange::Recreate)
    }

    fn foreign_keys(&self, steps: &mut Steps) {
        let (place, next_place) = self.positions();
        let before = foreign_keys_in_order(self.view.before, self.before);
        let mut paired = vec![false; self.after.constraints.len()];
        for (position, (name, key)) in before.iter().enumerate() {
            let matching = |at: &usize| match &self.after.constraints[*at].kind {
                pgsteward_model::catalog::ConstraintKind::ForeignKey(other) => self.same_key(key, other),
                _ => false,
            };
            let mut candidates = (0..self.after.constraints.len()).filter(matching).peekable();
            if candidates.peek().is_none() {
                let (table, name) = (self.before.name.clone(), (*name).to_owned());
                steps.push([place, position, 0], SchemaStep::DropForeignKey { table, name });
            } else if let Some(at) = candidates.find(|at| !paired[*at]) {
                paired[at] = true;
                let next = &self.after.constraints[at].name;
                // Prisma once named the keys of its many-to-many tables otherwise and renames none of them.
                if next != name && !self.is_join_table() {
                    let step = SchemaStep::RenameForeignKey {
                        table: self.before.name.clone(),
                        from: (*name).to_owned(),
                        to: next.clone(),
                    };
                    steps.push([place, position, 0], step);
                }
            }
        }
        for (at, (name, key)) in foreign_keys_in_order(self.view.after, self.after).into_iter().enumerate() {
            if !before.iter().any(|(_, other)| self.same_key(other, key)) {
                let (table, name) = (self.after.name.clone(), name.to_owned());
                steps.push([next_place, at, 0], SchemaStep::AddForeignKey { table, name, key: key.clone() });
            }
        }
    }

    fn is_join_table(&self) -> bool {
        let join = |table: &Table| {
            table.columns.len() == 2 && table.column("A").is_some() && table.column("B").is_some()
        };
        join(self.before) && join(self.after)
    }

    fn same_key(&self, before: &ForeignKey, after: &ForeignKey) -> bool {
        before.references.name == after.references.name
            && before.columns == after.columns
            && before.referenced_columns == after.referenced_columns
            && before.on_delete == after.on_delete
            && before.on_update == after.on_update
            && before.columns.iter().all(|column| self.change_of(column) == TypeChange::Same)
    }
}

/// True where both indexes have the same number of keys. Prisma's `db pull` writes the columns of INCLUDE as keys, so
/// they may stand at the end of the schema's.
fn same_width(before: &Index, after: &Index) -> bool {
    let more = after.keys.get(before.keys.len()..).unwrap_or_default();
    let included = || more.iter().map(|key| key.column.as_ref()).eq(before.include.iter().map(Some));
    after.keys.len() >= before.keys.len() && (more.is_empty() || included())
}

/// True for a default that Prisma keeps as a text because it cannot read it: only such a one is the same as
/// `dbgenerated("…")`.
fn is_unread(meaning: &Meaning, ty: &pgsteward_model::catalog::ColumnType) -> bool {
    match meaning {
        Meaning::Null | Meaning::Now | Meaning::Sequence => false,
        Meaning::Expression(_) => true,
        _ => !types::is_known(ty),
    }
}

/// A generated column keeps its expression elsewhere; to Prisma it is a default.
pub(crate) fn meaning_of(column: &Column, ty: &pgsteward_model::catalog::ColumnType) -> Meaning {
    column.default.as_deref().map_or(Meaning::Null, |default| meaning::meaning(default, ty))
}

/// `nextval('public."T_id_seq"'::regclass)` → `T_id_seq`. A quoted name may hold a point.
pub(crate) fn sequence_in(default: &str) -> Option<String> {
    let name = default.trim().strip_prefix("nextval(")?.split('\'').nth(1)?;
    let last = match name.strip_suffix('"') {
        Some(quoted) => quoted.rsplit('"').next(),
        None => name.rsplit('.').next(),
    };
    last.map(str::to_owned)
}
