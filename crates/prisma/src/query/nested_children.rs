//! Nested writes whose keys stand on the children, or in a table between.

use std::sync::Arc;

use pgsteward_model::code::{Purpose, StatementKind};

use super::argument::Argument;
use super::data::Data;
use super::filter::{self, Filter};
use super::insert::Injected;
use super::nested::part;
use super::page::Page;
use super::plan::{Plan, note};
use super::sql::{Sql, quoted};
use super::update::{Found, keys};
use super::world::{Kind, Relation, World};
use super::{Outcome, refuse};

impl<'a> Plan<'a> {
    /// The key stands on the children.
    pub(super) fn after_there(
        &self,
        relation: &Relation<'a>,
        name: &str,
        value: &Argument,
        path: &str,
        creates: bool,
        trail: &str,
    ) -> Outcome<()> {
        let purpose = || Purpose::Nested(trail.to_owned());
        let one = relation.one_to_one();
        let model = relation.related;
        let injected = self.parent_key(relation)?;
        match name {
            "create" => {
                if one && !creates {
                    self.release(relation, trail)?;
                }
                let rows = self.rows(relation, value, path)?;
                if relation.list() && rows.len() > 1 && rows.iter().all(|row| row.nested.is_empty()) {
                    self.insert_many(model, &rows, &injected, false, &[], purpose());
                } else {
                    for row in &rows {
                        self.create_record(model, row, &injected, trail, purpose())?;
                    }
                }
            }
            "createMany" => {
                let rows = self.rows(relation, part(value, "data")?, &format!("{path}.data"))?;
                let skip = value.get("skipDuplicates") == Some(&Argument::Bool(true));
                self.insert_many(model, &rows, &injected, skip, &[], purpose());
            }
            "connect" if one => {
                if !creates {
                    self.find(relation, Filter::Empty)?;
                    self.release(relation, trail)?;
                }
                self.point(relation, &Filter::Empty, Found::ManyByKey, trail)?;
            }
            "connect" if value.items().is_empty() => {}
            "connect" => {
                let filter = self.any_of(relation, value, path)?;
                self.point(relation, &filter, Found::Filter, trail)?;
            }
            "connectOrCreate" => {
                for item in value.items() {
                    let condition = part(item, "where")?;
                    let at = format!("{path}.where");
                    self.read_unique(relation, condition, &at)?;
                    if one {
                        if !creates {
                            self.release(relation, trail)?;
                        }
                        self.point(relation, &Filter::Empty, Found::ManyByKey, trail)?;
                    } else {
                        let filter = filter::parse_unique(self.world, model, condition, &at)?;
                        self.point(relation, &filter, Found::Filter, trail)?;
                    }
                    let create =
                        Data::parse(self.world, model, part(item, "create")?, &format!("{path}.create"))?;
                    self.create_record(model, &create, &injected, trail, purpose())?;
                }
            }
            "disconnect" => {
                let filter = self.chosen(relation, value, path)?;
                self.find(relation, filter.clone())?;
                self.point_at_nothing(model, &relation.related_fields()?, &filter, trail)?;
            }
            "set" => {
                let filter = self.any_of(relation, value, path)?;
                self.find(relation, Filter::Empty)?;
                self.read_ids(relation, filter)?;
                self.point(relation, &Filter::Empty, Found::ManyByKey, trail)?;
                self.point_at_nothing(model, &relation.related_fields()?, &Filter::Empty, trail)?;
            }
            "upsert" => {
                for item in value.items() {
                    self.upsert_child(relation, item, path, &injected, trail)?;
                }
            }
            _ => self.change(relation, name, value, path, trail)?,
        }
        Ok(())
    }

    /// The keys stand in a table between.
    pub(super) fn after_many(
        &self,
        relation: &Relation<'a>,
        name: &str,
        value: &Argument,
        path: &str,
        trail: &str,
    ) -> Outcome<()> {
        let purpose = || Purpose::Nested(trail.to_owned());
        let model = relation.related;
        match name {
            "create" => {
                let rows = self.rows(relation, value, path)?;
                if rows.len() > 1 && rows.iter().all(|row| row.nested.is_empty()) {
                    let ids = World::identifier(model)?;
                    self.insert_many(model, &rows, &[], false, &ids, purpose());
                    self.connect_many(relation, trail);
                } else {
                    for row in &rows {
                        self.create_record(model, row, &[], trail, purpose())?;
                        self.connect_many(relation, trail);
                    }
                }
            }
            "connect" | "disconnect" if value.items().is_empty() => {}
            "connect" => {
                let filter = self.any_of(relation, value, path)?;
                self.read_ids(relation, filter)?;
                self.connect_many(relation, trail);
            }
            "connectOrCreate" => {
                for item in value.items() {
                    self.read_unique(relation, part(item, "where")?, &format!("{path}.where"))?;
                    self.connect_many(relation, trail);
                    let create =
                        Data::parse(self.world, model, part(item, "create")?, &format!("{path}.create"))?;
                    self.create_record(model, &create, &[], trail, purpose())?;
                    self.connect_many(relation, trail);
                }
            }
            "disconnect" => {
                self.find(relation, self.any_of(relation, value, path)?)?;
                self.disconnect_many(relation, trail);
            }
            "set" => {
                self.find(relation, Filter::Empty)?;
                self.disconnect_many(relation, trail);
                let filter = self.any_of(relation, value, path)?;
                if filter != Filter::Or(Vec::new()) {
                    self.read_ids(relation, filter)?;
                    self.connect_many(relation, trail);
                }
            }
            "upsert" => {
                for item in value.items() {
                    self.upsert_child(relation, item, path, &[], trail)?;
                    self.connect_many(relation, trail);
                }
            }
            _ => self.change(relation, name, value, path, trail)?,
        }
        Ok(())
    }

    /// Changes of children that are connected: the same wherever the key stands.
    fn change(
        &self,
        relation: &Relation<'a>,
        name: &str,
        value: &Argument,
        path: &str,
        trail: &str,
    ) -> Outcome<()> {
        let purpose = || Purpose::Nested(trail.to_owned());
        let model = relation.related;
        match name {
            "update" => {
                for item in value.items() {
                    let (filter, data) = if relation.list() {
                        let condition = part(item, "where")?;
                        let at = format!("{path}.where");
                        let filter = filter::parse_unique(self.world, model, condition, &at)?;
                        let data =
                            Data::parse(self.world, model, part(item, "data")?, &format!("{path}.data"))?;
                        (filter, data)
                    } else {
                        self.to_one_update(relation, item, path)?
                    };
                    self.find(relation, filter.clone())?;
                    let ids = World::identifier(model)?;
                    self.update_record(
                        model,
                        &filter,
                        Found::OneByKey,
                        &data,
                        &ids,
                        trail,
                        purpose(),
                        || Ok(()),
                    )?;
                }
            }
            "updateMany" => {
                for item in value.items() {
                    let condition = part(item, "where")?;
                    let filter = filter::parse(self.world, model, condition, &format!("{path}.where"))?;
                    let data = Data::parse(self.world, model, part(item, "data")?, &format!("{path}.data"))?;
                    self.find(relation, filter)?;
                    let set = self.set(model, &data.columns, &[]);
                    if set.is_empty() {
                        self.read_keys(model, &Filter::And(vec![Filter::Empty, keys(model)?]), false)?;
                        continue;
                    }
                    self.update(model, &set, &Filter::Empty, Found::ManyByKey, None, &[], purpose())?;
                }
            }
            "delete" => {
                let filter = match relation.list() {
                    true => self.each_of(relation, value, path)?,
                    false => self.optional_filter(relation, value, path)?,
                };
                self.find(relation, filter.clone())?;
                self.keep_relations(model)?;
                self.delete(model, &filter, Found::ManyByKey, None, &[], purpose())?;
            }
            "deleteMany" => {
                for item in value.items() {
                    let filter = filter::parse(self.world, model, item, path)?;
                    self.find(relation, filter)?;
                    self.keep_relations(model)?;
                    self.delete(model, &Filter::Empty, Found::ManyByKey, None, &[], purpose())?;
                }
            }
            _ => return Err(refuse("a nested write that is not known")),
        }
        Ok(())
    }

    fn parent_key(&self, relation: &Relation<'a>) -> Outcome<Vec<Injected<'a>>> {
        let own = relation.own_fields()?;
        let keys = relation.related_fields()?;
        Ok(keys.into_iter().zip(own).map(|(key, own)| (key, format!("parent.{}", own.name))).collect())
    }

    fn rows(&self, relation: &Relation<'a>, value: &Argument, path: &str) -> Outcome<Vec<Data<'a>>> {
        value
            .items()
            .iter()
            .enumerate()
            .map(|(at, row)| Data::parse(self.world, relation.related, row, &format!("{path}.{at}")))
            .collect()
    }

    /// The children that a write names: some of a list, or the only one.
    fn chosen(&self, relation: &Relation<'a>, value: &Argument, path: &str) -> Outcome<Filter<'a>> {
        if relation.list() {
            self.any_of(relation, value, path)
        } else {
            self.optional_filter(relation, value, path)
        }
    }

    /// One of several unique keys.
    fn any_of(&self, relation: &Relation<'a>, value: &Argument, path: &str) -> Outcome<Filter<'a>> {
        let mut all = Vec::new();
        for (at, item) in value.items().iter().enumerate() {
            // A key that is named twice counts once. Of a list that was made, the same words are other keys.
            if !item.is_constant() || !value.items()[..at].contains(item) {
                let path = format!("{path}.{at}");
                all.push(filter::parse_unique(self.world, relation.related, item, &path)?);
            }
        }
        Ok(Filter::Or(all))
    }

    /// The same, with what is named twice.
    fn each_of(&self, relation: &Relation<'a>, value: &Argument, path: &str) -> Outcome<Filter<'a>> {
        let one =
            |(at, item)| filter::parse_unique(self.world, relation.related, item, &format!("{path}.{at}"));
        Ok(Filter::Or(value.items().iter().enumerate().map(one).collect::<Outcome<_>>()?))
    }

    fn read_ids(&self, relation: &Relation<'a>, filter: Filter<'a>) -> Outcome<()> {
        let mut page = Page::new(relation.related, "");
        page.filter = Some(filter);
        let ids = World::identifier(relation.related)?;
        let sql = self.select(&page, &ids, &[], None)?;
        self.send(sql, StatementKind::Select, Purpose::ReadBack);
        Ok(())
    }

    fn connect_many(&self, relation: &Relation<'a>, trail: &str) {
        let Kind::Many { table, own, other, .. } = &relation.kind else { return };
        let space = relation.between_namespace();
        let access = self.touch_table(space, table);
        self.access(access, |access| {
            access.writes = true;
            note(Arc::make_mut(&mut access.columns), own);
            note(Arc::make_mut(&mut access.columns), other);
        });
        let sql = Sql::text(format!(
            "INSERT INTO {}.{} (\"{own}\",\"{other}\") VALUES (",
            quoted(space),
            quoted(table)
        ))
        .s(self.free("parent"))
        .t(",")
        .s(self.free("child"))
        .t(") ON CONFLICT DO NOTHING");
        self.send(sql, StatementKind::Insert, Purpose::Nested(trail.to_owned()));
    }

    fn disconnect_many(&self, relation: &Relation<'a>, trail: &str) {
        let Kind::Many { table, own, other, .. } = &relation.kind else { return };
        let space = relation.between_namespace();
        let access = self.touch_table(space, table);
        self.access(access, |access| {
            access.writes = true;
            note(&mut access.equal, own);
            note(&mut access.any_of, other);
        });
        let table = format!("{}.{}", quoted(space), quoted(table));
        let sql = Sql::text(format!("DELETE FROM {table} WHERE ({table}.\"{own}\" = ("))
            .s(self.free("parent"))
            .t(&format!(") AND {table}.\"{other}\" IN ("))
            .s(self.free("children"))
            .t("))");
        self.send(sql, StatementKind::Delete, Purpose::Nested(trail.to_owned()));
    }
}
