//! `UPDATE` and `DELETE`.

use std::sync::Arc;

use pgsteward_model::code::{Access, Purpose, StatementKind};
use pgsteward_model::prisma::{Field, Model};

use super::Outcome;
use super::argument::Argument;
use super::column::parameter;
use super::condition::{Scope, row};
use super::data::{Assign, Assigned};
use super::filter::Filter;
use super::insert::Injected;
use super::plan::{Alias, Plan, note};
use super::scalar::{Operand, Operator, Test};
use super::sql::{Sql, Tree, quoted};
use super::world::{World, table};

/// How the rows of a write are found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// By the filter alone.
    Filter,
    /// By keys that were read before and the filter, as Prisma writes it for one row.
    OneByKey,
    /// The same for any number of rows.
    ManyByKey,
}

impl<'a> Plan<'a> {
    /// What is set: the columns of `data`, `@updatedAt`, then keys of other rows.
    pub(super) fn set(
        &self,
        model: &'a Model,
        columns: &[Assigned<'a>],
        injected: &[Injected<'a>],
    ) -> Vec<Assigned<'a>> {
        let mut set = columns.to_vec();
        let keys: Vec<Assigned<'a>> = injected.iter().map(Assigned::brought).collect();
        if columns.is_empty() {
            set.extend(keys.clone());
        }
        if !set.is_empty() {
            for field in World::scalars(model).filter(|field| field.updated_at) {
                if !set.iter().any(|one| std::ptr::eq(one.field, field)) {
                    let path = format!("default.{}", field.name);
                    set.push(Assigned::set(field, path));
                }
            }
        }
        if !columns.is_empty() {
            set.extend(keys);
        }
        set
    }

    /// The same with the keys of several relations: `@updatedAt` stands behind those of the first.
    pub(super) fn set_with(
        &self,
        model: &'a Model,
        columns: &[Assigned<'a>],
        brought: &[Vec<Injected<'a>>],
    ) -> Vec<Assigned<'a>> {
        let mut keys = brought.iter().filter(|keys| !keys.is_empty());
        let first = keys.next().map_or(&[][..], Vec::as_slice);
        let mut set = self.set(model, columns, first);
        set.extend(keys.flatten().map(Assigned::brought));
        set
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one statement")]
    pub(super) fn update(
        &self,
        model: &'a Model,
        set: &[Assigned<'a>],
        filter: &Filter<'a>,
        found: Found,
        limit: Option<&Argument>,
        returning: &[&'a Field],
        purpose: Purpose,
    ) -> Outcome<()> {
        let access = self.touch_write(model, set.iter().map(|one| one.field), returning);
        let assigned = self.assignments(model, set);
        let sql = Sql::text(format!("UPDATE {} SET ", table(model)))
            .s(assigned)
            .t(" WHERE ")
            .s(self.found(model, filter, found, limit, access)?)
            .s(self.returning(model, returning));
        self.send(sql, StatementKind::Update, purpose);
        Ok(())
    }

    pub(super) fn delete(
        &self,
        model: &'a Model,
        filter: &Filter<'a>,
        found: Found,
        limit: Option<&Argument>,
        returning: &[&'a Field],
        purpose: Purpose,
    ) -> Outcome<()> {
        let access = self.touch_write(model, std::iter::empty(), returning);
        let sql = Sql::text(format!("DELETE FROM {} WHERE ", table(model)))
            .s(self.found(model, filter, found, limit, access)?)
            .s(self.returning(model, returning));
        self.send(sql, StatementKind::Delete, purpose);
        Ok(())
    }

    fn touch_write(
        &self,
        model: &'a Model,
        set: impl Iterator<Item = &'a Field>,
        returning: &[&'a Field],
    ) -> usize {
        let access = self.touch(model);
        self.access(access, |access: &mut Access| {
            access.writes = true;
            set.chain(returning.iter().copied())
                .for_each(|field| note(Arc::make_mut(&mut access.columns), &field.db_name));
        });
        access
    }

    /// The condition of a write.
    fn found(
        &self,
        model: &'a Model,
        filter: &Filter<'a>,
        found: Found,
        limit: Option<&Argument>,
        access: usize,
    ) -> Outcome<Sql> {
        let scope = Scope::top(access, false);
        let tree = match found {
            Found::Filter => self.condition(filter, &scope)?.0,
            Found::OneByKey => {
                let (keys, _) = self.condition(&keys(model)?, &scope)?;
                Tree::And(vec![keys, self.condition(filter, &scope)?.0])
            }
            Found::ManyByKey => {
                let (keys, _) = self.condition(&keys(model)?, &scope)?;
                keys.and(self.condition(filter, &scope)?.0)
            }
        };
        let Some(limit) = limit else { return Ok(tree.sql()) };
        let ids = World::identifier(model)?;
        let columns: Vec<Sql> = ids.iter().map(|id| Alias::Table.column(model, id)).collect();
        self.access(access, |access| {
            access.limit = match limit.integer() {
                Some(count) => pgsteward_model::code::Limit::Rows(count.unsigned_abs()),
                None => pgsteward_model::code::Limit::Parameter,
            };
        });
        Ok(row(columns.clone())
            .t(" IN (SELECT ")
            .s(Sql::join(columns, ", "))
            .t(&format!(" FROM {} WHERE ", table(model)))
            .s(tree.sql())
            .t(" LIMIT ")
            .s(self.free("limit"))
            .t(")"))
    }

    /// The value that a column is set to.
    pub(super) fn assigned_value(&self, model: &Model, one: &Assigned<'a>) -> Sql {
        match one.plain {
            true => Sql::parameter(parameter(model, one.field, &one.path, false)),
            false => self.value(model, one.field, &one.path, false),
        }
    }

    pub(super) fn assignments(&self, model: &'a Model, set: &[Assigned<'a>]) -> Sql {
        let all = set.iter().map(|one| {
            let column = Alias::Table.column(model, one.field);
            let plain = || Sql::parameter(parameter(model, one.field, &one.path, false));
            let value = || self.assigned_value(model, one);
            let right = match one.by {
                Assign::Set => value(),
                Assign::Add => column.t(" + ").s(value()).wrapped(),
                Assign::Subtract => column.t(" - ").s(value()).wrapped(),
                Assign::Multiply => column.t(" * ").s(value()).wrapped(),
                Assign::Divide => column.t(" / ").s(value()).wrapped(),
                Assign::Push => column.t(" || ").s(plain()),
            };
            Sql::text(format!("{} = ", quoted(&one.field.db_name))).s(right)
        });
        Sql::join(all, ", ")
    }
}

/// Keys of rows that an earlier statement read.
pub(super) fn keys<'a>(model: &'a Model) -> Outcome<Filter<'a>> {
    let tests = World::identifier(model)?.into_iter().map(|field| {
        let path = format!("read.{}", field.name);
        Filter::Test(Test::new(model, field, Operator::In, Operand::Parameter { path, list: true }))
    });
    let mut tests: Vec<Filter<'a>> = tests.collect();
    Ok(if tests.len() == 1 { tests.swap_remove(0) } else { Filter::And(tests) })
}

/// A key of one row that an earlier statement wrote.
pub(super) fn key<'a>(model: &'a Model) -> Outcome<Filter<'a>> {
    let tests = World::identifier(model)?.into_iter().map(|field| {
        let path = format!("written.{}", field.name);
        Filter::Test(Test::new(model, field, Operator::Equals, Operand::Parameter { path, list: false }))
    });
    Ok(Filter::And(tests.collect()))
}
