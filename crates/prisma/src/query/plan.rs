//! The statements of one call while they are made: aliases, what they touch, what is left to do in memory.

use std::cell::{Cell, RefCell};

use pgsteward_model::code::{Access, InMemory, Purpose, Query, QueryParameter, StatementKind, Variant};
use pgsteward_model::prisma::{Field, Model};

use super::Outcome;
use super::sql::{Sql, push_quoted};
use super::world::{World, namespace};

pub(super) struct Plan<'a> {
    pub(super) world: &'a World<'a>,
    /// Aliases are counted through all statements of a call.
    aliases: Cell<usize>,
    links: Cell<usize>,
    accesses: RefCell<Vec<Access>>,
    out: RefCell<Variant>,
}

/// The name of a table within a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Alias {
    /// None of its own: columns carry namespace and table.
    Table,
    Named(String),
}

impl Alias {
    /// `"public"."User"."id"` or `"t0"."id"`.
    pub(super) fn column(&self, model: &Model, field: &Field) -> Sql {
        Sql::text(self.column_text(model, &field.db_name))
    }

    pub(super) fn column_text(&self, model: &Model, column: &str) -> String {
        let mut text = String::with_capacity(64);
        self.push_column(&mut text, model, column);
        text
    }

    pub(super) fn push_column(&self, text: &mut String, model: &Model, column: &str) {
        match self {
            Alias::Table => {
                push_quoted(text, namespace(model));
                text.push('.');
                push_quoted(text, &model.db_name);
            }
            Alias::Named(name) => push_quoted(text, name),
        }
        text.push('.');
        push_quoted(text, column);
    }
}

impl<'a> Plan<'a> {
    pub(super) fn new(world: &'a World<'a>) -> Plan<'a> {
        Plan {
            world,
            aliases: Cell::new(0),
            links: Cell::new(0),
            accesses: RefCell::default(),
            out: RefCell::default(),
        }
    }

    /// A number for `t0` or `j0`, which share one count.
    pub(super) fn next_alias(&self) -> usize {
        self.aliases.replace(self.aliases.get() + 1)
    }

    pub(super) fn next_link(&self) -> usize {
        self.links.replace(self.links.get() + 1)
    }

    /// Notes that the statement at hand touches a table.
    pub(super) fn touch(&self, model: &Model) -> usize {
        self.touch_table(namespace(model), &model.db_name)
    }

    pub(super) fn touch_table(&self, namespace: &str, table: &str) -> usize {
        let mut accesses = self.accesses.borrow_mut();
        accesses.push(Access { namespace: namespace.into(), table: table.into(), ..Access::default() });
        accesses.len() - 1
    }

    pub(super) fn access(&self, at: usize, change: impl FnOnce(&mut Access)) {
        if let Some(access) = self.accesses.borrow_mut().get_mut(at) {
            change(access);
        }
    }

    /// Ends the statement at hand. What it touched was noted since the last one ended.
    pub(super) fn send(&self, sql: Sql, kind: StatementKind, purpose: Purpose) {
        let (sql, parameters) = sql.numbered();
        let mut accesses = self.accesses.take();
        for access in &mut accesses {
            access.unique = access.unique || self.whole_key(access);
        }
        self.out.borrow_mut().queries.push(Query { sql: sql.into(), kind, parameters, purpose, accesses });
    }

    /// How many statements there are: a place for [`Plan::made_last`].
    pub(super) fn sent(&self) -> usize {
        self.out.borrow().queries.len()
    }

    /// Sends statements at a place before others. Prisma makes a statement after those that follow it, which decides the
    /// numbers of their aliases.
    pub(super) fn made_last(&self, at: usize, make: impl FnOnce() -> Outcome<()>) -> Outcome<()> {
        let before = self.sent();
        make()?;
        self.out.borrow_mut().queries[at..].rotate_left(before - at);
        Ok(())
    }

    /// Takes the last statement back, for one that is made before others but sent after them.
    pub(super) fn withdraw(&self) -> Option<Query> {
        self.out.borrow_mut().queries.pop()
    }

    pub(super) fn resend(&self, query: Option<Query>) {
        self.out.borrow_mut().queries.extend(query);
    }

    fn whole_key(&self, access: &Access) -> bool {
        let Some(model) = self.world.schema.model_of_table(&access.namespace, &access.table) else {
            return false;
        };
        let fields: Vec<&str> = access
            .equal
            .iter()
            .filter_map(|column| model.field_of_column(column))
            .map(|field| field.name.as_str())
            .collect();
        super::world::unique_among(model, &fields)
    }

    pub(super) fn remember(&self, step: InMemory) {
        self.out.borrow_mut().in_memory.push(step);
    }

    /// Wraps the statements of a write into a transaction, which Prisma leaves out around a single one.
    pub(super) fn wrap(&self) {
        let mut out = self.out.borrow_mut();
        out.transaction = out.queries.len() > 1;
    }

    pub(super) fn finish(self) -> Variant {
        self.out.into_inner()
    }

    /// A parameter that has no column: `limit`, `offset`.
    pub(super) fn free(&self, path: &str) -> Sql {
        Sql::parameter(QueryParameter { path: path.to_owned(), column: None, list: false })
    }
}

/// Adds what is not there yet of many columns.
pub(super) fn note_all<'f>(list: &mut Vec<String>, fields: impl Iterator<Item = &'f Field>) {
    // Names are compared with what was there before; fields are told apart quicker.
    let known = list.len();
    let mut seen: Vec<&Field> = Vec::new();
    for field in fields {
        if seen.iter().any(|one| std::ptr::eq(*one, field)) || list[..known].contains(&field.db_name) {
            continue;
        }
        seen.push(field);
        list.push(field.db_name.clone());
    }
}

/// Adds what is not there yet.
pub(super) fn note(list: &mut Vec<String>, column: &str) {
    if !list.iter().any(|one| one == column) {
        list.push(column.to_owned());
    }
}
