//! Columns that come back in the place of others: of the one that has their name meanwhile and is dropped, or of one that had
//! their name or their values. What that one has beside its values goes along, whoever gave it, less what the migration gave.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Catalog, Column, Grant, QName, Table, Trigger};
use pgsteward_model::identity::{Called, ObjectClass};
use pgsteward_sql::{quote_ident, quote_literal, quote_qualified};

use super::asides;
use super::replaced::Columns;
use super::state::State;
use crate::migrate::belongings::columns::{Heir, all_of_each};

/// A column that comes back, and the one whose place it has. Names are those of before.
struct Successor<'a> {
    table: &'a QName,
    had: &'a Column,
    back: &'a Column,
}

impl Successor<'_> {
    fn is_alike(&self) -> bool {
        self.had.ty == self.back.ty
    }

    fn place(&self, column: &Column) -> String {
        place(self.table, &column.name)
    }
}

pub(super) struct Exchanged<'a> {
    all: Vec<Successor<'a>>,
    /// What remembers what the ones have, and what gives it to the others.
    sql: Option<[String; 2]>,
}

impl<'a> Exchanged<'a> {
    /// `from` is the state after the migration once names are put back, `anew` are columns of both that are dropped and added
    /// anew.
    pub(super) fn of(after: &State, from: &'a State, before: &'a State, anew: &Columns) -> Exchanged<'a> {
        let columns = after.identities.objects.iter().filter(|(id, _)| id.class == ObjectClass::Column);
        let renamed = columns.filter_map(|(id, now)| {
            let was = before.identities.objects.get(id).filter(|was| was.name != now.name)?;
            let table = before.catalog.table(&QName::new(&was.namespace, &was.inside))?;
            let back = table.column(&now.name)?;
            // One that is there under another name has what was given on it, and is to get nothing of the other's.
            let place = Called { name: now.name.clone(), ..was.clone() };
            if !is_gone(after, before, &place) {
                return None;
            }
            let had = from.catalog.table(&table.name)?.column(&was.name)?;
            Some(Successor { table: &table.name, had, back })
        });
        let apart = before.catalog.tables.values().flat_map(|table| {
            let first = |back: &'a Column| {
                let place = Called {
                    namespace: table.name.namespace.clone(),
                    inside: table.name.name.clone(),
                    name: back.name.clone(),
                };
                let now = from.catalog.table(&table.name)?;
                if now.column(&back.name).is_some() || !is_gone(after, before, &place) {
                    return None;
                }
                let had = second(&before.catalog, table, now, &back.name)?;
                Some(Successor { table: &table.name, had, back })
            };
            table.columns.iter().filter_map(first).collect::<Vec<_>>()
        });
        let named_alike = anew.iter().filter_map(|(table, column)| {
            let table = before.catalog.table(table)?;
            let had = from.catalog.table(&table.name)?.column(column)?;
            Some(Successor { table: &table.name, had, back: table.column(column)? })
        });
        let all: Vec<Successor<'_>> = renamed.chain(apart).chain(named_alike).collect();
        // Those of a parent lead to those of its children.
        let led = |one: &&Successor<'_>| {
            let Some(table) = from.catalog.table(one.table) else { return false };
            let parents = table.partition_of.iter().map(|of| &of.parent).chain(&table.inherits);
            parents.into_iter().any(|parent| {
                let same = |other: &Column, own: &Column| other.name == own.name;
                all.iter().any(|other| {
                    other.table == parent && same(other.had, one.had) && same(other.back, one.back)
                })
            })
        };
        let heir = |one: &Successor<'a>| Heir {
            table: one.table,
            from: &one.had.name,
            to: &one.back.name,
            alike: one.is_alike(),
        };
        let heirs: Vec<Heir<'_>> = all.iter().filter(|one| !led(one)).map(heir).collect();
        let sql = (!heirs.is_empty()).then(|| all_of_each(&heirs));
        Exchanged { all, sql }
    }

    /// The columns that come back.
    pub(super) fn columns(&self) -> BTreeSet<(QName, String)> {
        self.all.iter().map(|one| (one.table.clone(), one.back.name.clone())).collect()
    }

    /// Whether [`Exchanged::given`] sees to the aside.
    pub(super) fn says(&self, what: &str) -> bool {
        self.all.iter().any(|one| what.ends_with(&format!(" {}", one.place(one.back))))
    }

    /// To be run before anything is dropped or revoked.
    pub(super) fn kept(&self) -> Option<String> {
        self.sql.as_ref().map(|[kept, _]| kept.clone())
    }

    /// To be run when all columns are there.
    pub(super) fn given(&self, from: &State, before: &State) -> Vec<String> {
        let given = self.sql.iter().map(|[_, given]| given.clone());
        given.chain(self.all.iter().flat_map(|one| differences(from, before, one))).collect()
    }
}

fn place(table: &QName, column: &str) -> String {
    format!("{}.{}", quote_qualified(table), quote_ident(column))
}

/// Whether the column that was called so before is no more.
fn is_gone(after: &State, before: &State, place: &Called) -> bool {
    let mut all = before.identities.objects.iter();
    let found = all.find(|(id, called)| id.class == ObjectClass::Column && *called == place);
    found.is_some_and(|(id, _)| !after.identities.objects.contains_key(id))
}

/// What the migration gave goes, and what it took comes back. Where the two agree it is the server's: what hands gave stays, and
/// so does it that they took something.
fn differences(from: &State, before: &State, one: &Successor<'_>) -> Vec<String> {
    let Successor { table, had, back } = one;
    let said = |verb: &str, grant: &Grant, way: &str, option: &str| {
        let role = if grant.grantee.is_empty() { "PUBLIC".to_owned() } else { quote_ident(&grant.grantee) };
        let (column, on) = (quote_ident(&back.name), quote_qualified(table));
        format!("{verb} {} ({column}) ON {on} {way} {role}{option}", grant.privilege)
    };
    let gone = had.grants.iter().filter(|grant| !back.grants.contains(grant));
    let mut sql: Vec<String> = gone.map(|grant| said("REVOKE", grant, "FROM", "")).collect();
    let there = back.grants.iter().filter(|grant| !had.grants.contains(grant));
    sql.extend(
        there
            .map(|grant| said("GRANT", grant, "TO", if grant.grantable { " WITH GRANT OPTION" } else { "" })),
    );
    if had.comment != back.comment {
        let comment = back.comment.as_deref().map_or_else(|| "NULL".to_owned(), quote_literal);
        sql.push(format!("COMMENT ON COLUMN {} IS {comment}", one.place(back)));
    }
    let of = |column: &Column| format!(" ALTER COLUMN {} ", quote_ident(&column.name));
    let unset = |sql: &str| sql.replacen(&of(had), &of(back), 1);
    let places = (one.place(had), one.place(back));
    sql.extend(asides::of_column(from, before, (&places.0, &places.1), one.is_alike(), unset));
    sql
}

/// The column that a trigger of the plan's kept equal to one that went, each following the other, as it is after the migration.
fn second<'a>(before: &Catalog, table: &Table, now: &'a Table, first: &str) -> Option<&'a Column> {
    let is_gone = |trigger: &&Trigger| now.triggers.iter().all(|other| other.name != trigger.name);
    let synced = table.triggers.iter().filter(|trigger| trigger.name.ends_with("_sync")).filter(is_gone);
    synced.filter_map(|trigger| trigger.function.as_ref()).find_map(|name| {
        let body = &before.functions.values().find(|function| function.id.name == *name)?.body;
        let follows = |one: &str, other: &str| {
            body.contains(&format!("NEW.{} := NEW.{};", quote_ident(one), quote_ident(other)))
        };
        let there = |column: &&Column| table.column(&column.name).is_some();
        now.columns
            .iter()
            .filter(there)
            .find(|column| follows(&column.name, first) && follows(first, &column.name))
    })
}
