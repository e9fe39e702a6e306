//! Writes nested in the write of one row (`record.rs`), in the order that Prisma 7 runs them.
//!
//! Keys that the row itself must carry are got before it is written, the last relation of the text first; everything
//! else follows it in the order of the text.

use pgsteward_model::code::{Purpose, StatementKind};
use pgsteward_model::prisma::{Arity, Field, Model};

use super::argument::Argument;
use super::data::{Assigned, Data, Nested};
use super::filter::{self, Filter};
use super::insert::Injected;
use super::page::{Page, Take};
use super::plan::Plan;
use super::read::Link;
use super::update::Found;
use super::world::{Kind, Relation, World};
use super::{Outcome, refuse};

impl<'a> Relation<'a> {
    pub(super) fn one_to_one(&self) -> bool {
        !self.list() && self.back.arity != Arity::List
    }
}

impl<'a> Plan<'a> {
    /// What must run before the row is written.
    pub(super) fn before(
        &self,
        nested: &Nested<'a>,
        creates: bool,
        trail: &str,
        injected: &mut Vec<Injected<'a>>,
    ) -> Outcome<()> {
        let relation = &nested.relation;
        let trail = below(trail, relation.field);
        for (name, value) in &nested.operations {
            let path = format!("{}.{name}", nested.path);
            match (&relation.kind, name.as_str()) {
                (Kind::There, "connect") if relation.one_to_one() => {
                    self.read_unique(relation, value, &path)?;
                }
                (Kind::Here, "connect") => {
                    self.read_unique(relation, value, &path)?;
                    if relation.one_to_one() {
                        if !creates {
                            continue;
                        }
                        self.release(&relation.reversed(), &trail)?;
                    }
                    inject(relation, injected)?;
                }
                (Kind::Here, "create") => {
                    self.create_parent(relation, value, &path, &trail)?;
                    inject(relation, injected)?;
                }
                (Kind::Here, "connectOrCreate") => {
                    let (condition, create) = (part(value, "where")?, part(value, "create")?);
                    self.read_unique(relation, condition, &format!("{path}.where"))?;
                    if relation.one_to_one() {
                        self.release(&relation.reversed(), &trail)?;
                    }
                    self.create_parent(relation, create, &format!("{path}.create"), &trail)?;
                    if creates || !relation.one_to_one() {
                        inject(relation, injected)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What runs after the row is written.
    pub(super) fn after(&self, nested: &Nested<'a>, creates: bool, trail: &str) -> Outcome<()> {
        let trail = below(trail, nested.relation.field);
        for (name, value) in &nested.operations {
            let path = format!("{}.{name}", nested.path);
            match nested.relation.kind {
                Kind::Here => self.after_here(&nested.relation, name, value, &path, creates, &trail)?,
                Kind::There => self.after_there(&nested.relation, name, value, &path, creates, &trail)?,
                Kind::Many { .. } => self.after_many(&nested.relation, name, value, &path, &trail)?,
            }
        }
        Ok(())
    }

    /// The key stands on the row that was written.
    fn after_here(
        &self,
        relation: &Relation<'a>,
        name: &str,
        value: &Argument,
        path: &str,
        creates: bool,
        trail: &str,
    ) -> Outcome<()> {
        let purpose = || Purpose::Nested(trail.to_owned());
        match name {
            "create" | "connectOrCreate" if creates || !relation.one_to_one() => {}
            // The row that was made is looked for, and pointed at again.
            "create" | "connectOrCreate" => {
                self.find(relation, Filter::Empty)?;
                self.point_at_nothing(relation.related, &relation.related_fields()?, &Filter::Empty, trail)?;
                self.point(relation, &Filter::Empty, Found::ManyByKey, trail)?;
            }
            "connect" if creates || !relation.one_to_one() => {}
            "connect" => {
                self.find(relation, Filter::Empty)?;
                let back = relation.reversed();
                self.find(&back, Filter::Empty)?;
                self.point_at_nothing(relation.model, &relation.own_fields()?, &Filter::Empty, trail)?;
                self.point(relation, &Filter::Empty, Found::ManyByKey, trail)?;
            }
            "update" => {
                let (filter, data) = self.to_one_update(relation, value, path)?;
                self.find(relation, filter.clone())?;
                let ids = World::identifier(relation.related)?;
                let (found, model) = (Found::OneByKey, relation.related);
                self.update_record(model, &filter, found, &data, &ids, trail, purpose(), || Ok(()))?;
            }
            "upsert" => {
                self.upsert_child(relation, value, path, &[], trail)?;
                let filter = self.upsert_filter(relation, value, path)?;
                self.point(relation, &filter, Found::ManyByKey, trail)?;
            }
            "disconnect" => {
                self.find(relation, self.optional_filter(relation, value, path)?)?;
                self.point_at_nothing(relation.model, &relation.own_fields()?, &Filter::Empty, trail)?;
            }
            "delete" => {
                let filter = self.optional_filter(relation, value, path)?;
                self.find(relation, filter.clone())?;
                self.keep_relations(relation.related)?;
                self.delete(relation.related, &filter, Found::ManyByKey, None, &[], purpose())?;
            }
            _ => return Err(refuse("a nested write that is not known")),
        }
        Ok(())
    }

    /// Rows that are connected already are read, then updated or created.
    pub(super) fn upsert_child(
        &self,
        relation: &Relation<'a>,
        value: &Argument,
        path: &str,
        injected: &[Injected<'a>],
        trail: &str,
    ) -> Outcome<()> {
        let purpose = || Purpose::Nested(trail.to_owned());
        let filter = self.upsert_filter(relation, value, path)?;
        self.find(relation, filter.clone())?;
        let model = relation.related;
        let update = Data::parse(self.world, model, part(value, "update")?, &format!("{path}.update"))?;
        let create = Data::parse(self.world, model, part(value, "create")?, &format!("{path}.create"))?;
        let ids = World::identifier(model)?;
        self.update_record(model, &filter, Found::OneByKey, &update, &ids, trail, purpose(), || Ok(()))?;
        let keys = if relation.kind == Kind::Here { relation.related_fields()? } else { Vec::new() };
        self.create_returning(model, &create, injected, keys, trail, purpose())
    }

    pub(super) fn upsert_filter(
        &self,
        relation: &Relation<'a>,
        value: &Argument,
        path: &str,
    ) -> Outcome<Filter<'a>> {
        let path = format!("{path}.where");
        match value.known("upsert")?.iter().find(|(name, _)| name == "where") {
            Some((_, condition)) if relation.list() => {
                filter::parse_unique(self.world, relation.related, condition, &path)
            }
            Some((_, condition)) => filter::parse(self.world, relation.related, condition, &path),
            None => Ok(Filter::Empty),
        }
    }

    /// `update` of a relation to one: the data alone, or with a condition.
    pub(super) fn to_one_update(
        &self,
        relation: &Relation<'a>,
        value: &Argument,
        path: &str,
    ) -> Outcome<(Filter<'a>, Data<'a>)> {
        let entries = value.known("update")?;
        let envelope = entries.iter().any(|(name, _)| name == "data")
            && entries.iter().all(|(name, _)| matches!(name.as_str(), "where" | "data"));
        if !envelope {
            return Ok((Filter::Empty, Data::parse(self.world, relation.related, value, path)?));
        }
        let filter = match value.get("where") {
            Some(condition) => {
                filter::parse(self.world, relation.related, condition, &format!("{path}.where"))?
            }
            None => Filter::Empty,
        };
        let data = Data::parse(self.world, relation.related, part(value, "data")?, &format!("{path}.data"))?;
        Ok((filter, data))
    }

    /// `true`, or a condition that the row must meet.
    pub(super) fn optional_filter(
        &self,
        relation: &Relation<'a>,
        value: &Argument,
        path: &str,
    ) -> Outcome<Filter<'a>> {
        match value {
            Argument::Object(_) => filter::parse(self.world, relation.related, value, path),
            _ => Ok(Filter::Empty),
        }
    }

    /// Reads the one row that a unique key names.
    pub(super) fn read_unique(&self, relation: &Relation<'a>, value: &Argument, path: &str) -> Outcome<()> {
        let mut page = Page::new(relation.related, "");
        page.filter = Some(filter::parse_unique(self.world, relation.related, value, path)?);
        page.take = Take::One(false);
        let mut columns = World::identifier(relation.related)?;
        if !matches!(relation.kind, Kind::Many { .. }) {
            add(&mut columns, relation.related_fields()?);
        }
        let sql = self.select(&page, &columns, &[], None)?;
        self.send(sql, StatementKind::Select, Purpose::ReadBack);
        Ok(())
    }

    /// Reads the keys of rows that are connected and meet a condition.
    pub(super) fn find(&self, relation: &Relation<'a>, filter: Filter<'a>) -> Outcome<()> {
        let mut page = Page::new(relation.related, "");
        page.filter = Some(filter);
        let mut columns = World::identifier(relation.related)?;
        if !matches!(relation.kind, Kind::Many { .. }) {
            add(&mut columns, relation.related_fields()?);
        }
        let link = Link { relation: relation.clone(), one_parent: false };
        let sql = self.select(&page, &columns, &[], Some(&link))?;
        self.send(sql, StatementKind::Select, Purpose::ReadBack);
        Ok(())
    }

    /// Takes the rows that point at a row by a unique key away from it.
    pub(super) fn release(&self, relation: &Relation<'a>, trail: &str) -> Outcome<()> {
        self.find(relation, Filter::Empty)?;
        self.point_at_nothing(relation.related, &relation.related_fields()?, &Filter::Empty, trail)
    }

    /// Sets the key of rows that were read to null.
    pub(super) fn point_at_nothing(
        &self,
        model: &'a Model,
        fields: &[&'a Field],
        filter: &Filter<'a>,
        trail: &str,
    ) -> Outcome<()> {
        let set: Vec<Assigned<'a>> = fields.iter().map(|field| Assigned::set(field, "null".into())).collect();
        let purpose = Purpose::Nested(trail.to_owned());
        self.update(model, &set, filter, Found::ManyByKey, None, &[], purpose)
    }

    /// Sets the key of rows to the other end's.
    pub(super) fn point(
        &self,
        relation: &Relation<'a>,
        filter: &Filter<'a>,
        found: Found,
        trail: &str,
    ) -> Outcome<()> {
        let (model, fields, others) = match relation.kind {
            Kind::Here => (relation.model, relation.own_fields()?, relation.related_fields()?),
            _ => (relation.related, relation.related_fields()?, relation.own_fields()?),
        };
        let injected: Vec<Injected<'a>> = fields
            .into_iter()
            .zip(others)
            .map(|(field, other)| (field, format!("read.{}", other.name)))
            .collect();
        let set = self.set(model, &[], &injected);
        self.update(model, &set, filter, found, None, &[], Purpose::Nested(trail.to_owned()))
    }
}

pub(super) fn part<'s>(value: &'s Argument, name: &str) -> Outcome<&'s Argument> {
    value.get(name).ok_or_else(|| refuse(format!("{name} is not written at the call")))
}

fn inject<'a>(relation: &Relation<'a>, injected: &mut Vec<Injected<'a>>) -> Outcome<()> {
    for (own, other) in relation.own_fields()?.into_iter().zip(relation.related_fields()?) {
        injected.push((own, format!("read.{}", other.name)));
    }
    Ok(())
}

pub(super) fn add<'a>(columns: &mut Vec<&'a Field>, more: Vec<&'a Field>) {
    for field in more {
        if !columns.iter().any(|one| std::ptr::eq(*one, field)) {
            columns.push(field);
        }
    }
}

fn below(trail: &str, field: &Field) -> String {
    if trail.is_empty() { field.name.clone() } else { format!("{trail}.{}", field.name) }
}
