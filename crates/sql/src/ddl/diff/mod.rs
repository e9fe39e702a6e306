//! One catalog into another, as SQL.
//!
//! Both must be what introspection read on servers of one major version. What has the same name on both sides is
//! taken for the same object: renames are for the caller to find and to carry out first (see
//! [`super::rename`]). Nothing here knows of rows; what a statement loses is said by the caller who saw both
//! sides filled.

mod affected;
mod attached;
mod cast;
mod column;
mod made;
mod part;
mod privilege;
mod statistics;
mod types;

pub use column::set_not_null;
use std::collections::{BTreeMap, BTreeSet};

use pgsteward_model::catalog::{Catalog, ColumnType, ConstraintKind, FunctionId, QName, Table, View};
use pgsteward_model::catalog_words::in_words_of;
use pgsteward_model::identity::TablePart;

use self::affected::Affected;
use self::made::Made;
use self::part::Exchange;
use super::{comment, left_out, object, order, table};
use crate::quote::{quote_ident, quote_literal, quote_qualified};

/// The value of a column in another type, as an expression; none where no value of the one type is one of the other.
pub fn converted(column: &str, from: &ColumnType, to: &ColumnType) -> Option<String> {
    cast::using(column, from, to, &BTreeSet::new())
}

/// The way from one catalog to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// In the order in which they run. All of them run in one transaction.
    pub statements: Vec<String>,
    /// Columns that come back without values although they must have some: NOT NULL is set only where the
    /// table has no rows.
    pub without_values: Vec<(QName, String)>,
    /// What no statement is written for, and why.
    pub left_out: Vec<(String, String)>,
    /// Functions of both sides that are dropped and made again.
    pub functions: BTreeSet<FunctionId>,
}

/// What two catalogs do not say.
#[derive(Clone, Debug, Default)]
pub struct Carried {
    /// Functions that the server itself takes away before types are made anew and brings back after that, as they were there.
    /// They are on both sides; where their texts differ, the new one replaces what is back.
    pub functions: BTreeSet<FunctionId>,
    pub gone: Vec<String>,
    pub back: Vec<String>,
    /// Without it, what looks alike on a parent and a partition is taken for one.
    pub attached: Option<Attached>,
    /// Columns of both sides that are other ones and only have the same name: dropped and added anew.
    pub readded: BTreeSet<(QName, String)>,
    /// Columns that are added, and to which the caller gives comment and privileges.
    pub given: BTreeSet<(QName, String)>,
    /// The caller sees to it that what is revoked for a table is not revoked for its columns.
    pub apart: bool,
}

/// [`pgsteward_model::identity::Identities::attached`] of both sides.
#[derive(Clone, Debug, Default)]
pub struct Attached {
    pub from: BTreeMap<TablePart, TablePart>,
    pub to: BTreeMap<TablePart, TablePart>,
}

/// Types of both catalogs that must be dropped and made again under their names.
pub fn types_made_anew(from: &Catalog, to: &Catalog) -> BTreeSet<QName> {
    Affected::of(from, to, &BTreeSet::new()).types
}

/// Columns of both catalogs that are dropped and added anew under their names, those of the children of a table as well.
/// `readded` is as [`Carried`] has it.
pub fn columns_made_anew(
    from: &Catalog,
    to: &Catalog,
    readded: &BTreeSet<(QName, String)>,
) -> BTreeSet<(QName, String)> {
    let mut affected = Affected::of(from, &in_words_of(from, to), readded);
    affected.readded.retain(|(table, _)| !affected.tables.contains(table));
    affected.readded
}

/// A table of both catalogs.
struct Kept<'a> {
    from: &'a Table,
    to: &'a Table,
    /// Tables that are its parents on both sides, as they are on each.
    parents: Vec<(&'a Table, &'a Table)>,
}

impl Kept<'_> {
    /// Whether a parent has the column on the side of `table`, which is one of the two.
    fn parent_has_column(&self, column: &str, table: &Table) -> bool {
        let is_from = std::ptr::eq(table, self.from);
        self.parents.iter().any(|(from, to)| if is_from { from } else { to }.column(column).is_some())
    }
}

/// The statements that make of a database with the catalog `from` one with the catalog `to`. The order of
/// columns is not restored: a column that is added comes last.
pub fn diff(from: &Catalog, to: &Catalog) -> Diff {
    diff_around(from, to, &Carried::default())
}

/// The same, with what the catalogs do not say.
pub fn diff_around(from: &Catalog, to: &Catalog, carried: &Carried) -> Diff {
    let to = &*in_words_of(from, to);
    let affected = Affected::of(from, to, &carried.readded);
    let kept = kept(from, to, &affected);
    let exchanges = exchanges(&kept, &affected, carried.attached.as_ref());
    let mut made = Made::new();
    let make = types::to_make(from, to, &affected, &carried.functions, &mut made);
    let (functions_first, functions_last) = types::drop_functions(from, to, &affected, &carried.functions);
    let views = views_to_make(from, to, &affected, &mut made);
    let mut sql = Sql::default();
    let each = |parts: &dyn Fn(&Kept<'_>, &Exchange) -> Vec<String>| -> Vec<String> {
        kept.iter().zip(&exchanges).flat_map(|(kept, exchange)| parts(kept, exchange)).collect()
    };

    // What stands on tables that stay, then what stands on that. A policy may read a view, and nothing stands on a policy.
    sql.all(each(&|kept, exchange| exchange.drops_policies_and_triggers(&kept.from.name)));
    sql.all(statistics::drop(from, to, &affected));
    sql.all(drop_views(from, &affected));
    let is_foreign = |kind: &ConstraintKind| matches!(kind, ConstraintKind::ForeignKey(_));
    sql.all(each(&|kept, exchange| exchange.drops_constraints(&kept.from.name, is_foreign)));
    sql.all(each(&|kept, exchange| {
        exchange.drops_constraints(&kept.from.name, |kind| !matches!(kind, ConstraintKind::ForeignKey(_)))
    }));
    sql.all(each(&|kept, exchange| exchange.drops_indexes(&kept.from.name)));
    sql.all(each(&|kept, _| part::leave_parents(kept)));
    sql.all(each(&|kept, _| column::release(kept, &affected)));
    sql.all(types::make_room_for_identities(from, to, &affected));
    if !affected.tables.is_empty() {
        let names: Vec<String> = affected.tables.iter().map(quote_qualified).collect();
        sql.one(format!("DROP TABLE {}", names.join(", ")));
    }
    sql.all(each(&|kept, _| column::drop(kept, &affected)));
    sql.all(functions_first);
    sql.all(carried.gone.iter().cloned());

    // What tables are made of, and new tables with their keys.
    sql.all(types::make_room(from, &affected));
    sql.all(
        to.namespaces
            .keys()
            .filter(|name| !from.namespaces.contains_key(*name))
            .map(|name| format!("CREATE SCHEMA {}", quote_ident(name))),
    );
    sql.all(extensions(from, to));
    sql.all(types::alter(from, to, &affected));
    let replaced = types::carried_to_replace(from, to, &carried.functions);
    if !make.functions.is_empty() || !replaced.is_empty() {
        sql.one("SET LOCAL check_function_bodies = off".to_owned());
    }
    sql.all(order::objects(&make));
    sql.all(carried.back.iter().cloned());
    sql.all(replaced);

    // Columns of tables that stay.
    sql.all(kept.iter().filter_map(|kept| column::retype(to, kept, &affected)));
    let mut without_values = Vec::new();
    for kept in &kept {
        let (statements, columns) = column::add(to, kept, &affected, &mut made);
        sql.all(statements);
        without_values.extend(columns.into_iter().map(|column| (kept.to.name.clone(), column)));
    }
    sql.all(each(&|kept, _| column::properties(from, to, kept, &affected)));
    sql.all(each(&|kept, _| part::settings(kept)));
    sql.all(types::drop(from, to, &affected));
    sql.all(types::drop_sequences(from, to, &affected));

    // What stands on tables, as for a new database.
    let mut built: Vec<Table> = Vec::new();
    for (kept, exchange) in kept.iter().zip(&exchanges) {
        exchange.note(&kept.to.name, &mut made);
        built.push(exchange.table(kept));
    }
    let new_tables: Vec<&Table> = super::tables(&make).collect();
    for one in &built {
        sql.all(table::keys(one));
    }
    for parts in [table::checks, table::indexes] {
        sql.all(new_tables.iter().copied().chain(&built).flat_map(|table| parts(to, table)));
    }
    sql.all(order::objects(&views));
    sql.all(
        to.views.values().filter(|view| affected.replaced.contains(&view.name)).map(object::view_replaced),
    );
    sql.all(object::view_indexes(&views));
    sql.all(view_properties(from, to, &views));
    sql.all(statistics::make(from, to, &affected, &mut made));
    sql.all(new_tables.iter().copied().chain(&built).flat_map(|table| table::foreign_keys(to, table)));
    sql.all(new_tables.iter().flat_map(|table| table::parents(to, table)));
    sql.all(kept.iter().flat_map(|kept| part::join_parents(to, kept)));
    sql.all(types::alter_sequences(from, to, &affected));
    sql.all(object::unchecked_domain_constraints(&make));
    for parts in [table::triggers, table::row_security] {
        sql.all(new_tables.iter().copied().chain(&built).flat_map(|table| parts(to, table)));
    }
    sql.all(each(&|kept, exchange| part::trigger_switches(kept, exchange)));
    sql.all(functions_last);
    let given: Made = carried.given.iter().map(|(table, column)| made::column(table, column)).collect();
    sql.all(comments(from, to, &made, &given));
    sql.all(privilege::differences(from, to, &made, &given, carried.apart));
    sql.all(
        from.extensions
            .keys()
            .filter(|name| !to.extensions.contains_key(*name))
            .map(|name| format!("DROP EXTENSION {}", quote_ident(name))),
    );
    sql.all(
        from.namespaces
            .keys()
            .filter(|name| !to.namespaces.contains_key(*name))
            .map(|name| format!("DROP SCHEMA {}", quote_ident(name))),
    );
    let left_out = left_out(&make);
    let again = |id: &&FunctionId| to.functions.contains_key(*id) && !carried.functions.contains(*id);
    let functions = affected.functions.iter().filter(again).cloned().collect();
    Diff { statements: sql.statements, without_values, left_out, functions }
}

/// Statements in the order in which they run, none of them twice in a row.
#[derive(Default)]
struct Sql {
    statements: Vec<String>,
}

impl Sql {
    fn one(&mut self, statement: String) {
        if self.statements.last() != Some(&statement) {
            self.statements.push(statement);
        }
    }

    fn all(&mut self, statements: impl IntoIterator<Item = String>) {
        for statement in statements {
            self.one(statement);
        }
    }
}

fn kept<'a>(from: &'a Catalog, to: &'a Catalog, affected: &Affected) -> Vec<Kept<'a>> {
    let parents = |table: &'a Table| -> BTreeSet<&'a QName> {
        table.partition_of.iter().map(|partition| &partition.parent).chain(&table.inherits).collect()
    };
    super::tables(to)
        .filter(|table| !affected.tables.contains(&table.name))
        .filter_map(|wanted| {
            let old = from.table(&wanted.name)?;
            let (before, after) = (parents(old), parents(wanted));
            let both = before.intersection(&after).filter(|name| !affected.tables.contains(**name));
            let parents = both.filter_map(|name| Some((from.table(name)?, to.table(name)?))).collect();
            Some(Kept { from: old, to: wanted, parents })
        })
        .collect()
}

fn exchanges(kept: &[Kept<'_>], affected: &Affected, attached: Option<&Attached>) -> Vec<Exchange> {
    let mut exchanges: Vec<Exchange> = kept.iter().map(|kept| part::exchange(kept, affected)).collect();
    let gone: Vec<(QName, Vec<String>)> = kept
        .iter()
        .zip(&exchanges)
        .flat_map(|(kept, exchange)| exchange.lost_keys(&kept.from.name))
        .collect();
    if !gone.is_empty() {
        for (kept, exchange) in kept.iter().zip(&mut exchanges) {
            exchange.lose_keys_on(kept, &gone);
        }
    }
    let positions: BTreeMap<&QName, usize> =
        kept.iter().enumerate().map(|(position, kept)| (&kept.to.name, position)).collect();
    // Children before their parents: what a parent leaves to its own parent its child must still see.
    for (position, one) in kept.iter().enumerate().rev() {
        for (_, parent) in &one.parents {
            let Some(at) = positions.get(&parent.name).filter(|at| **at != position) else { continue };
            let theirs = part::exchange(&kept[*at], affected);
            exchanges[position].leave_to_parent(&theirs, &parent.name, &one.to.name, attached.is_some());
        }
    }
    if let Some(attached) = attached {
        attached::follow(kept, &mut exchanges, attached);
    }
    exchanges
}

/// Readers before what they read.
fn drop_views(from: &Catalog, affected: &Affected) -> Vec<String> {
    let mut left: BTreeSet<&QName> = affected.views.iter().collect();
    let mut sql = Vec::new();
    while let Some(next) = left
        .iter()
        .find(|name| {
            !left.iter().any(|other| {
                other != *name && from.views.get(*other).is_some_and(|view| view.reads.contains(name))
            })
        })
        .or_else(|| left.first())
        .copied()
    {
        left.remove(next);
        let word = if from.views.get(next).is_some_and(|view| view.materialized) {
            "MATERIALIZED VIEW"
        } else {
            "VIEW"
        };
        sql.push(format!("DROP {word} {}", quote_qualified(next)));
    }
    sql
}

fn views_to_make(from: &Catalog, to: &Catalog, affected: &Affected, made: &mut Made) -> Catalog {
    let mut make = Catalog::empty(to.version);
    make.namespaces.clear();
    for (name, view) in &to.views {
        if from.views.contains_key(name) && !affected.views.contains(name) {
            continue;
        }
        made.insert(made::named(if view.materialized { "MATERIALIZED VIEW" } else { "VIEW" }, name));
        for index in &view.indexes {
            made.insert(made::named("INDEX", &QName::new(name.namespace.clone(), index.name.clone())));
        }
        make.views.insert(name.clone(), view.clone());
    }
    make
}

/// Indexes and contents of materialized views that stay.
fn view_properties(from: &Catalog, to: &Catalog, made: &Catalog) -> Vec<String> {
    let mut sql = Vec::new();
    for view in to.views.values().filter(|view| !made.views.contains_key(&view.name)) {
        let Some(old) = from.views.get(&view.name) else { continue };
        let plain = |view: &View| -> BTreeMap<String, String> {
            let name = quote_qualified(&view.name);
            view.indexes
                .iter()
                .map(|one| (one.name.clone(), super::index::create_on(&name, one, false)))
                .collect()
        };
        let (before, after) = (plain(old), plain(view));
        for name in before.iter().filter(|(name, text)| after.get(*name) != Some(text)).map(|(name, _)| name)
        {
            let name = QName::new(view.name.namespace.clone(), name.clone());
            sql.push(format!("DROP INDEX {}", quote_qualified(&name)));
        }
        sql.extend(
            after.into_iter().filter(|(name, text)| before.get(name) != Some(text)).map(|(_, text)| text),
        );
        if old.populated != view.populated {
            let data = if view.populated { "" } else { " WITH NO DATA" };
            sql.push(format!("REFRESH MATERIALIZED VIEW {}{data}", quote_qualified(&view.name)));
        }
    }
    sql
}

fn extensions(from: &Catalog, to: &Catalog) -> Vec<String> {
    let mut sql = Vec::new();
    for new in to.extensions.values() {
        let name = quote_ident(&new.name);
        match from.extensions.get(&new.name) {
            None => sql.push(format!("CREATE EXTENSION {name} SCHEMA {}", quote_ident(&new.namespace))),
            Some(old) => {
                if old.namespace != new.namespace {
                    sql.push(format!("ALTER EXTENSION {name} SET SCHEMA {}", quote_ident(&new.namespace)));
                }
                if old.version != new.version {
                    sql.push(format!("ALTER EXTENSION {name} UPDATE TO {}", quote_literal(&new.version)));
                }
            }
        }
    }
    sql
}

fn comments(from: &Catalog, to: &Catalog, made: &Made, given: &Made) -> Vec<String> {
    let old: BTreeMap<String, Option<String>> = comment::entries(from).into_iter().collect();
    let mut sql = Vec::new();
    for (object, wanted) in comment::entries(to).into_iter().filter(|(object, _)| !given.contains(object)) {
        let has = old.get(&object).filter(|_| !made.contains(&object)).and_then(|comment| comment.as_deref());
        if has != wanted.as_deref() {
            sql.push(comment::set(&object, wanted.as_deref()));
        }
    }
    sql
}
