//! One row that is written with what is nested in it: the statements before it, its own, and those behind it.

use pgsteward_model::code::{Purpose, StatementKind};
use pgsteward_model::prisma::{Field, Model};

use super::Outcome;
use super::argument::Argument;
use super::data::{Assigned, Data};
use super::filter::Filter;
use super::insert::Injected;
use super::nested::add;
use super::page::{Page, Take};
use super::plan::Plan;
use super::update::{Found, keys};
use super::world::{Kind, Relation, World};

impl<'a> Plan<'a> {
    /// Inserts a row and what is nested in it; `trail` is the path of fields to it.
    pub(super) fn create_record(
        &self,
        model: &'a Model,
        data: &Data<'a>,
        injected: &[Injected<'a>],
        trail: &str,
        purpose: Purpose,
    ) -> Outcome<()> {
        self.create_returning(model, data, injected, Vec::new(), trail, purpose)
    }

    /// The row that a relation of this one points at, with the keys that it points by.
    pub(super) fn create_parent(
        &self,
        relation: &Relation<'a>,
        create: &Argument,
        path: &str,
        trail: &str,
    ) -> Outcome<()> {
        let data = Data::parse(self.world, relation.related, create, path)?;
        let purpose = Purpose::Nested(trail.to_owned());
        self.create_returning(relation.related, &data, &[], relation.related_fields()?, trail, purpose)
    }

    pub(super) fn create_returning(
        &self,
        model: &'a Model,
        data: &Data<'a>,
        injected: &[Injected<'a>],
        keys: Vec<&'a Field>,
        trail: &str,
        purpose: Purpose,
    ) -> Outcome<()> {
        let mut injected = injected.to_vec();
        for nested in data.nested.iter().rev() {
            self.before(nested, true, trail, &mut injected)?;
        }
        let mut returning = World::identifier(model)?;
        add(&mut returning, keys);
        for nested in &data.nested {
            if nested.relation.kind == Kind::There {
                add(&mut returning, nested.relation.own_fields()?);
            }
        }
        self.insert(model, data, &injected, &returning, purpose);
        for nested in &data.nested {
            self.after(nested, true, trail)?;
        }
        Ok(())
    }

    /// Updates a row and what is nested in it, then does what `follows`. Where nothing of the row itself is set it is read.
    #[expect(clippy::too_many_arguments, reason = "the parts of one write")]
    pub(super) fn update_record(
        &self,
        model: &'a Model,
        filter: &Filter<'a>,
        found: Found,
        data: &Data<'a>,
        returning: &[&'a Field],
        trail: &str,
        purpose: Purpose,
        follows: impl FnOnce() -> Outcome<()>,
    ) -> Outcome<()> {
        // Got the last one first, set in the order of the text.
        let mut brought = Vec::new();
        for nested in data.nested.iter().rev() {
            let mut injected = Vec::new();
            self.before(nested, false, trail, &mut injected)?;
            brought.push(injected);
        }
        brought.reverse();
        let mut returning = returning.to_vec();
        for nested in &data.nested {
            let later = |name: &str| matches!(name, "update" | "upsert" | "disconnect" | "delete");
            let one_to_one = nested.relation.one_to_one();
            let needed = nested.operations.iter().any(|(name, _)| later(name) || one_to_one);
            if nested.relation.kind == Kind::There || (nested.relation.kind == Kind::Here && needed) {
                add(&mut returning, nested.relation.own_fields()?);
            }
        }
        let at = self.sent();
        for nested in &data.nested {
            self.after(nested, false, trail)?;
        }
        follows()?;
        let set = self.set_with(model, &data.columns, &brought);
        self.made_last(at, || self.update_itself(model, filter, found, data, &set, &returning, purpose))
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one write")]
    fn update_itself(
        &self,
        model: &'a Model,
        filter: &Filter<'a>,
        found: Found,
        data: &Data<'a>,
        set: &[Assigned<'a>],
        returning: &[&'a Field],
        purpose: Purpose,
    ) -> Outcome<()> {
        if set.is_empty() {
            let mut page = Page::new(model, "");
            page.filter = Some(match found {
                Found::Filter => filter.clone(),
                _ => Filter::And(vec![filter.clone(), keys(model)?]),
            });
            page.take = Take::One(false);
            let purpose = if data.nested.is_empty() { purpose } else { Purpose::ReadBack };
            let sql = self.select(&page, returning, &[], None)?;
            self.send(sql, StatementKind::Select, purpose);
            return Ok(());
        }
        self.update(model, set, filter, found, None, returning, purpose)
    }
}
