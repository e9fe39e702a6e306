//! `relationMode = "prisma"`: the client keeps the relations, with statements of its own around a write.

use pgsteward_model::code::Purpose;
use pgsteward_model::prisma::{Arity, Model};

use super::data::Data;
use super::filter::Filter;
use super::plan::Plan;
use super::update::Found;
use super::world::{Kind, Relation, World};
use super::{Outcome, refuse};

impl<'a> Plan<'a> {
    pub(super) fn emulates(&self) -> bool {
        self.world.schema.relation_mode_prisma()
    }

    /// The relations whose keys stand on other models, in the order that these keys have in the text.
    fn pointed_at_by(&self, model: &'a Model) -> Outcome<Vec<Relation<'a>>> {
        let mut all = Vec::new();
        for field in model.fields.iter().filter(|field| !field.is_column()) {
            let relation = self.world.relation(model, field)?;
            match relation.kind {
                Kind::There => all.push(relation),
                Kind::Many { .. } => return Err(refuse("many to many under relationMode prisma")),
                Kind::Here => {}
            }
        }
        let models = &self.world.schema.models;
        all.sort_by_key(|relation| {
            let at = models.iter().position(|model| std::ptr::eq(model, relation.related));
            let field = relation.related.fields.iter().position(|field| std::ptr::eq(field, relation.back));
            (at, field)
        });
        Ok(all)
    }

    /// What keeps the rows that point at rows to be deleted. For deletes of many rows Prisma begins at the last
    /// relation.
    pub(super) fn emulate_delete(&self, model: &'a Model, from_the_last: bool) -> Outcome<()> {
        let mut relations = self.pointed_at_by(model)?;
        if from_the_last {
            relations.reverse();
        }
        for relation in relations {
            let key = relation.back.relation.as_ref();
            let restricts = relation.back.arity == Arity::Required;
            let default = if restricts { "Restrict" } else { "SetNull" };
            let action = key.and_then(|key| key.on_delete.as_deref()).unwrap_or(default);
            let trail = relation.field.name.clone();
            match action {
                "NoAction" => {}
                "Restrict" => self.find(&relation, Filter::Empty)?,
                "SetNull" => self.release(&relation, &trail)?,
                "Cascade" if self.pointed_at_by(relation.related)?.is_empty() => {
                    self.find(&relation, Filter::Empty)?;
                    let purpose = Purpose::Nested(trail);
                    self.delete(relation.related, &Filter::Empty, Found::ManyByKey, None, &[], purpose)?;
                }
                _ => return Err(refuse("a cascade of cascades under relationMode prisma")),
            }
        }
        Ok(())
    }

    /// The same for a nested delete, where the client keeps the relations.
    pub(super) fn keep_relations(&self, model: &'a Model) -> Outcome<()> {
        if self.emulates() { self.emulate_delete(model, false) } else { Ok(()) }
    }

    /// Refuses what is not followed: keys that change.
    pub(super) fn check_emulated(&self, model: &'a Model, data: &Data<'a>) -> Outcome<()> {
        if !self.emulates() {
            return Ok(());
        }
        for relation in self.pointed_at_by(model)? {
            let keys = relation.own_fields()?;
            if data.columns.iter().any(|one| keys.iter().any(|key| std::ptr::eq(*key, one.field))) {
                return Err(refuse("a key changes under relationMode prisma"));
            }
        }
        Ok(())
    }

    /// Reads the keys of the rows that a write will meet.
    pub(super) fn read_keys(&self, model: &'a Model, filter: &Filter<'a>, one: bool) -> Outcome<()> {
        let mut page = super::page::Page::new(model, "");
        page.filter = Some(filter.clone());
        if one {
            page.take = super::page::Take::One(false);
        }
        let ids = World::identifier(model)?;
        let sql = self.select(&page, &ids, &[], None)?;
        self.send(sql, pgsteward_model::code::StatementKind::Select, Purpose::ReadBack);
        Ok(())
    }
}
