//! Columns that take the place of others together: the pieces that bring the second ones, all that stands on the first
//! ones built for the second ones, and one short transaction in which they change places.

use std::borrow::Cow;

use pgsteward_model::catalog::{Catalog, Constraint, ConstraintKind, ForeignKey, Index, QName, Table};
use pgsteward_sql::{
    ddl, quote_ident, quote_literal, quote_qualified, rename_column_in_expression, rename_in_expression,
};

use super::exchange::{Exchange, Ways, short};
use super::pieces::Piece;
use crate::migrate::belongings::columns::all_of;
use crate::migrate::unused;

/// A change of columns that belong together: those of one type, those that a foreign key joins.
pub(super) struct Swap<'a> {
    /// The database before it.
    pub(super) catalog: &'a Catalog,
    pub(super) exchanges: Vec<Exchange<'a>>,
    /// What comes before all.
    pub(super) first: Vec<Piece>,
    /// What happens to types as soon as the columns have their names.
    pub(super) types: Vec<String>,
    /// What the application must have done before the columns change places.
    pub(super) waits: Option<String>,
    /// What is swapped, for the name of the folder.
    pub(super) slug: String,
    /// Where a type goes along: how the server words expressions after it.
    pub(super) words: Option<Words<'a>>,
    /// What is made just before the swap, beside what the swap takes away.
    pub(super) beside: Vec<Piece>,
    /// What takes the readers of the first columns out of the way, in the swap's transaction.
    pub(super) ahead: Vec<String>,
    /// What brings them back, there too.
    pub(super) behind: Vec<String>,
}

/// Expressions over the columns of a type, as they are when another type has its name.
pub(super) struct Words<'a> {
    pub(super) after: &'a Catalog,
    /// The type's name, and the one that its successor has until then.
    pub(super) name: &'a str,
    pub(super) meanwhile: String,
}

/// What stands on a first column, and what will stand on the second.
struct Successor<'a, T> {
    table: &'a Table,
    old: &'a T,
    new: T,
}

impl Swap<'_> {
    pub(super) fn pieces(&self) -> Vec<Piece> {
        let mut pieces = self.first.clone();
        pieces.extend(self.expanding());
        pieces.extend(self.exchanges.iter().map(Exchange::fill));
        let (indexed, last) = self.indexed();
        pieces.extend(indexed);
        let (strict, rest): (Vec<&Exchange<'_>>, Vec<_>) = self.exchanges.iter().partition(|one| one.refuses);
        pieces.extend(rest.iter().flat_map(|one| one.require()));
        pieces.extend(self.constraints());
        pieces.extend(self.keys_of_partitions());
        let mut refusing: Vec<Piece> = strict.iter().flat_map(|one| one.require()).collect();
        let refused = !refusing.is_empty();
        for piece in &mut refusing {
            piece.behind = true;
        }
        if let Some(first) = refusing.first_mut() {
            first.after.clone_from(&self.waits);
        }
        pieces.extend(refusing);
        pieces.extend(self.beside.iter().cloned());
        let mut last: Vec<Piece> = last.into_iter().chain([self.contract()]).collect();
        for (at, piece) in last.iter_mut().enumerate() {
            let first = at == 0 && !refused;
            piece.after = self.waits.clone().filter(|_| first);
            piece.behind = self.waits.is_some() && !first;
        }
        pieces.extend(last);
        pieces.iter_mut().for_each(|piece| piece.keeps_strangers = true);
        pieces
    }

    /// The indexes of the second columns, and those of them that may come last.
    pub(super) fn indexed(&self) -> (Vec<Piece>, Vec<Piece>) {
        let build = |index: &Successor<'_, Index>| {
            let told = self.told_of_upserts(index.table, index.old);
            Piece::settled(
                &format!("index_{}", index.old.name),
                &format!("The index of the new column, built while all go on.{told}"),
                &[ddl::index(&index.table.name, &index.new, true)],
            )
        };
        let all = self.indexes();
        let (last, first): (Vec<_>, Vec<_>) =
            all.iter().partition(|index| self.comes_last(index.table, index.old));
        let of_partitions = self.indexes_of_partitions();
        let first = first.into_iter().map(build).chain(of_partitions).collect();
        (first, last.into_iter().map(build).collect())
    }

    /// Names that nobody may use any more.
    pub(super) fn markers(&self) -> String {
        let apart = self.exchanges.iter().filter(|one| one.ways == Ways::Apart);
        apart.map(|one| format!("\n{}", unused::marker(None, &[&one.table.name.name, one.from]))).collect()
    }

    /// Foreign keys and checks of the second columns: NOT VALID, then validated while all go on.
    fn constraints(&self) -> Vec<Piece> {
        let (keys, checks) = (self.keys(), self.checks());
        let keys = keys.iter().filter_map(|one| {
            let ConstraintKind::ForeignKey(key) = &one.new.kind else { return None };
            Some((one, ddl::foreign_key(one.table, &one.new, key)))
        });
        let checks = checks.iter().filter_map(|one| {
            let ConstraintKind::Check { expression, no_inherit, .. } = &one.new.kind else { return None };
            let no_inherit = if *no_inherit { " NO INHERIT" } else { "" };
            let (on, name) = (quote_qualified(&one.table.name), quote_ident(&one.new.name));
            Some((
                one,
                format!("ALTER TABLE {on} ADD CONSTRAINT {name} CHECK ({expression}){no_inherit} NOT VALID"),
            ))
        });
        let mut pieces = Vec::new();
        for (one, add) in keys.chain(checks) {
            let slug = |what: &str| format!("{what}_{}", one.old.name);
            pieces.push(Piece::settled(
                &slug("constraint"),
                "The constraint of the new column: new rows are checked from now on, old ones by the next migration.",
                &[add],
            ));
            if one.old.validated {
                let (on, name) = (quote_qualified(&one.table.name), quote_ident(&one.new.name));
                let validate = format!("ALTER TABLE {on} VALIDATE CONSTRAINT {name}");
                pieces.push(Piece::settled(
                    &slug("validate"),
                    "Reads all rows while all go on.",
                    &[validate],
                ));
            }
        }
        pieces
    }

    fn contract(&self) -> Piece {
        let mut sql = self.ahead.clone();
        sql.extend(self.locked());
        sql.extend(self.freed());
        for one in &self.exchanges {
            sql.extend(self.sequence(one));
        }
        for one in &self.exchanges {
            sql.extend(all_of(&one.table.name, one.from, &one.through, one.ways == Ways::Apart));
            sql.push(format!("ALTER TABLE {} DROP COLUMN {}", one.on(), quote_ident(one.from)));
        }
        for one in self.exchanges.iter().filter(|one| one.through != one.to) {
            let (through, to) = (quote_ident(&one.through), quote_ident(one.to));
            sql.push(format!("ALTER TABLE {} RENAME COLUMN {through} TO {to}", one.on()));
        }
        sql.extend(self.renamed_sequences());
        sql.extend(self.types.iter().cloned());
        for one in &self.exchanges {
            sql.extend(self.properties(one));
        }
        sql.extend(self.indexes().iter().flat_map(in_place));
        sql.extend(self.partitions_in_place());
        for one in self.keys().iter().chain(&self.checks()) {
            let (on, name) = (quote_qualified(&one.table.name), quote_ident(&one.old.name));
            sql.push(format!("ALTER TABLE {on} RENAME CONSTRAINT {} TO {name}", quote_ident(&one.new.name)));
            sql.extend(one.old.comment.as_deref().map(|comment| {
                format!("COMMENT ON CONSTRAINT {name} ON {on} IS {}", quote_literal(comment))
            }));
        }
        sql.extend(self.behind.iter().cloned());
        let why = match &self.waits {
            Some(after) => format!("Deploy it when {after}.{}", self.markers()),
            None => "The new columns take the place of the old ones.".to_owned(),
        };
        let back: String = self.exchanges.iter().map(|one| format!("\n{}", one.first_back())).collect();
        Piece::settled(&self.slug, &format!("{why}{back}"), &sql)
    }

    /// What has to go before the first columns can.
    fn freed(&self) -> Vec<String> {
        let mut sql = Vec::new();
        for one in &self.exchanges {
            sql.extend(one.alone());
            if one.refuses {
                let check = quote_ident(&one.check());
                sql.push(format!("ALTER TABLE {} DROP CONSTRAINT {check}", one.on()));
            }
            // Nobody makes anything more from here on: the table is locked.
            sql.extend(self.refused_last(one));
        }
        for one in self.keys().iter().chain(&self.checks()) {
            let on = quote_qualified(&one.table.name);
            sql.push(format!("ALTER TABLE {on} DROP CONSTRAINT {}", quote_ident(&one.old.name)));
        }
        sql.extend(self.freed_of_partitions());
        sql
    }

    /// What the first column had besides its values.
    fn properties(&self, one: &Exchange<'_>) -> Vec<String> {
        let Some(column) = one.table.column(one.from) else { return Vec::new() };
        let (on, to) = (one.on(), quote_ident(one.to));
        let mut sql = Vec::new();
        if let Some(default) = &one.default {
            sql.push(format!("ALTER TABLE {on} ALTER COLUMN {to} SET DEFAULT {default}"));
        }
        if self.catalog.version.major() >= 18 && column.not_null && !one.relaxes {
            sql.extend(one.not_null_named());
        }
        sql
    }

    /// The name that a column of the group has meanwhile.
    fn through(&self, table: &QName, column: &str) -> Option<&str> {
        let own = self.exchanges.iter().find(|one| one.table.name == *table && one.from == column);
        own.map(|one| one.through.as_str())
    }

    fn mapped(&self, table: &QName, columns: &mut [String]) -> bool {
        let mut changed = false;
        for column in columns {
            if let Some(through) = self.through(table, column) {
                (changed, *column) = (true, through.to_owned());
            }
        }
        changed
    }

    fn mapped_expression(&self, table: &QName, expression: &mut String) -> bool {
        let mut changed = false;
        for one in self.exchanges.iter().filter(|one| one.table.name == *table) {
            if let Cow::Owned(text) = rename_column_in_expression(expression, one.from, &one.through) {
                (changed, *expression) = (true, text);
            }
        }
        if let (true, Some(words)) = (changed, &self.words) {
            *expression = rename_in_expression(expression, words.name, &words.meanwhile).into_owned();
        }
        changed
    }

    /// The table as the server words what stands on it after the swap.
    pub(super) fn worded(&self, table: &Table) -> Option<&Table> {
        self.words.as_ref().and_then(|words| words.after.table(&table.name))
    }

    pub(super) fn tables(&self) -> Vec<&Table> {
        let mut tables: Vec<&Table> = Vec::new();
        for one in &self.exchanges {
            if !tables.iter().any(|table| table.name == one.table.name) {
                tables.push(one.table);
            }
        }
        tables
    }

    /// Indexes over the columns, those of keys among them; those of partitioned tables are `family`'s, as are their keys.
    fn indexes(&self) -> Vec<Successor<'_, Index>> {
        let mut found = Vec::new();
        for table in self.tables().into_iter().filter(|table| table.partitioning.is_none()) {
            let of = |old| Some(Successor { table, old, new: self.mapped_index(table, old)? });
            found.extend(table.indexes.iter().filter_map(of));
        }
        found
    }

    /// The index over the second columns; none where it stands on none of the first.
    pub(super) fn mapped_index(&self, table: &Table, old: &Index) -> Option<Index> {
        let worded = self.worded(table).and_then(|table| table.index(&old.name)).unwrap_or(old);
        let mut new = Index { name: temporary(&old.name), comment: None, ..worded.clone() };
        let mut changed = self.mapped(&table.name, &mut new.include);
        for key in &mut new.keys {
            changed |= key
                .column
                .as_mut()
                .is_some_and(|column| self.mapped(&table.name, std::slice::from_mut(column)));
            changed |= key.expression.as_mut().is_some_and(|text| self.mapped_expression(&table.name, text));
        }
        changed |= new.predicate.as_mut().is_some_and(|text| self.mapped_expression(&table.name, text));
        changed.then_some(new)
    }

    /// Foreign keys of the columns and to them.
    fn keys(&self) -> Vec<Successor<'_, Constraint>> {
        let mut found = Vec::new();
        let whole = |table: &&Table| table.partitioning.is_none() && table.partition_of.is_none();
        for table in self.catalog.tables.values().map(std::sync::Arc::as_ref).filter(whole) {
            for (old, key) in table.foreign_keys() {
                let next = self.mapped_key(table, key);
                found.extend(next.map(|next| successor(table, old, ConstraintKind::ForeignKey(next))));
            }
        }
        found
    }

    pub(super) fn mapped_key(&self, table: &Table, key: &ForeignKey) -> Option<ForeignKey> {
        let mut next = key.clone();
        let own = self.mapped(&table.name, &mut next.columns);
        let other = self.mapped(&key.references, &mut next.referenced_columns);
        (own || other).then_some(next)
    }

    fn checks(&self) -> Vec<Successor<'_, Constraint>> {
        let mut found = Vec::new();
        for table in self.tables() {
            for old in &table.constraints {
                let worded = self.worded(table).and_then(|table| table.constraint(&old.name)).unwrap_or(old);
                let mut kind = worded.kind.clone();
                if let ConstraintKind::Check { expression, .. } = &mut kind
                    && self.mapped_expression(&table.name, expression)
                {
                    found.push(successor(table, old, kind));
                }
            }
        }
        found
    }
}

fn successor<'a>(table: &'a Table, old: &'a Constraint, kind: ConstraintKind) -> Successor<'a, Constraint> {
    let new = Constraint { name: temporary(&old.name), kind, validated: false, comment: None, ..old.clone() };
    Successor { table, old, new }
}

pub(super) fn temporary(name: &str) -> String {
    short(&format!("{name}_new"))
}

/// The index gets the name, and where it was a key's the place, of the one that went with its column.
fn in_place(one: &Successor<'_, Index>) -> Vec<String> {
    let Successor { table, old, new } = one;
    let (on, name) = (quote_qualified(&table.name), quote_ident(&old.name));
    let owner = old.constraint.as_deref().and_then(|name| table.constraint(name));
    let mut sql = match owner {
        Some(constraint) => {
            let kind = match constraint.kind {
                ConstraintKind::PrimaryKey { .. } => "PRIMARY KEY",
                _ => "UNIQUE",
            };
            let deferral = ddl::deferral(constraint);
            let key = quote_ident(&constraint.name);
            let index = quote_ident(&new.name);
            vec![format!("ALTER TABLE {on} ADD CONSTRAINT {key} {kind} USING INDEX {index}{deferral}")]
        }
        None => {
            let index = quote_qualified(&QName::new(&table.name.namespace, &new.name));
            vec![format!("ALTER INDEX {index} RENAME TO {name}")]
        }
    };
    sql.extend(in_comment(table, old));
    sql
}

/// What is said of the index, and of the constraint that it stands for.
pub(super) fn in_comment(table: &Table, old: &Index) -> Vec<String> {
    let mut sql = Vec::new();
    let owner = old.constraint.as_deref().and_then(|name| table.constraint(name));
    if let Some(comment) = &old.comment {
        let index = quote_qualified(&QName::new(&table.name.namespace, &old.name));
        sql.push(format!("COMMENT ON INDEX {index} IS {}", quote_literal(comment)));
    }
    if let Some((constraint, comment)) = owner.and_then(|one| Some((one, one.comment.as_deref()?))) {
        let (key, on) = (quote_ident(&constraint.name), quote_qualified(&table.name));
        sql.push(format!("COMMENT ON CONSTRAINT {key} ON {on} IS {}", quote_literal(comment)));
    }
    sql
}
