//! `orderBy`: columns, related columns, counts of relations, relevance, aggregates of groups.

use std::sync::Arc;

use pgsteward_model::code::SortColumn;
use pgsteward_model::prisma::{Field, Model};

use super::argument::Argument;
use super::condition::joined;
use super::plan::{Alias, Plan, note};
use super::sql::{Sql, Tree, quoted};
use super::world::{Kind, Relation, World, table};
use super::{Outcome, refuse};

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Order<'a> {
    pub(super) by: By<'a>,
    pub(super) descending: bool,
    pub(super) nulls_first: Option<bool>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum By<'a> {
    /// A column, perhaps of a model that relations to one lead to.
    Column {
        model: &'a Model,
        field: &'a Field,
        hops: Vec<Relation<'a>>,
    },
    /// How many rows the last relation has.
    Count {
        hops: Vec<Relation<'a>>,
    },
    /// `_sum: { total: "desc" }` of groups.
    Aggregate {
        function: &'static str,
        model: &'a Model,
        field: &'a Field,
    },
    Relevance {
        model: &'a Model,
        fields: Vec<&'a Field>,
        hops: Vec<Relation<'a>>,
        path: String,
    },
}

/// `ORDER BY` of one entry and the joins it needs.
#[derive(Clone, Debug)]
pub(super) struct Ordered {
    pub(super) column: Sql,
    pub(super) joins: Vec<(String, Sql)>,
    pub(super) text: Sql,
}

/// Joins with their aliases, the last alias and the access that it stands for.
type Hopped = (Vec<(String, Sql)>, Alias, usize);

pub(super) fn parse<'a>(
    world: &World<'a>,
    model: &'a Model,
    argument: &Argument,
    path: &str,
) -> Outcome<Vec<Order<'a>>> {
    let mut all = Vec::new();
    for (at, item) in argument.items().iter().enumerate() {
        let path =
            if matches!(argument, Argument::List(_)) { format!("{path}.{at}") } else { path.to_owned() };
        if let Some(order) = entry(world, model, item, Vec::new(), None, &path)? {
            all.push(order);
        }
    }
    Ok(all)
}

fn entry<'a>(
    world: &World<'a>,
    model: &'a Model,
    argument: &Argument,
    mut hops: Vec<Relation<'a>>,
    function: Option<&'static str>,
    path: &str,
) -> Outcome<Option<Order<'a>>> {
    let Some((name, value)) = argument.known("orderBy")?.first() else { return Ok(None) };
    let path = format!("{path}.{name}");
    if let Some(function) = sort_function(name) {
        return entry(world, model, value, hops, Some(function), &path);
    }
    if name == "_relevance" {
        let fields = value.get("fields").ok_or_else(|| refuse("orderBy is not written at the call"))?;
        let fields = fields.items().iter().filter_map(Argument::text).filter_map(|name| model.field(name));
        let (descending, _) = direction(value.get("sort"))?;
        let by = By::Relevance { model, fields: fields.collect(), hops, path: format!("{path}.search") };
        return Ok(Some(Order { by, descending, nulls_first: None }));
    }
    let field = model.field(name).ok_or_else(|| refuse("a field that the model lacks"))?;
    if field.is_column() {
        let (descending, nulls_first) = match value {
            Argument::Object(_) => {
                let nulls = match value.get("nulls") {
                    None => None,
                    Some(Argument::Text(text)) => Some(text == "first"),
                    Some(_) => return Err(refuse("the direction of orderBy is not written at the call")),
                };
                (direction(value.get("sort"))?.0, nulls)
            }
            value => direction(Some(value))?,
        };
        let by = match function {
            Some(function) => By::Aggregate { function, model, field },
            None => By::Column { model, field, hops },
        };
        return Ok(Some(Order { by, descending, nulls_first }));
    }
    let relation = world.relation(model, field)?;
    let (list, related) = (relation.list(), relation.related);
    hops.push(relation);
    if list {
        let (_, value) = value
            .known("orderBy")?
            .iter()
            .find(|(name, _)| name == "_count")
            .ok_or_else(|| refuse("orderBy is not written at the call"))?;
        let (descending, _) = direction(Some(value))?;
        return Ok(Some(Order { by: By::Count { hops }, descending, nulls_first: None }));
    }
    entry(world, related, value, hops, None, &path)
}

fn direction(value: Option<&Argument>) -> Outcome<(bool, Option<bool>)> {
    match value {
        Some(Argument::Text(text)) => Ok((text == "desc", None)),
        Some(Argument::Expression(text)) if text.ends_with(".desc") => Ok((true, None)),
        Some(Argument::Expression(text)) if text.ends_with(".asc") => Ok((false, None)),
        _ => Err(refuse("the direction of orderBy is not written at the call")),
    }
}

fn sort_function(name: &str) -> Option<&'static str> {
    Some(match name {
        "_count" => "COUNT",
        "_avg" => "AVG",
        "_sum" => "SUM",
        "_min" => "MIN",
        "_max" => "MAX",
        _ => return None,
    })
}

impl<'a> Plan<'a> {
    /// Renders all entries; `reverse` turns them around for rows from the end.
    pub(super) fn orders(
        &self,
        orders: &[Order<'a>],
        reverse: bool,
        parent: &Alias,
        access: usize,
    ) -> Outcome<Vec<Ordered>> {
        let mut count = 0;
        let mut simple = true;
        let mut all = Vec::new();
        for order in orders {
            let descending = order.descending != reverse;
            let nulls_first = order.nulls_first.map(|first| first != reverse);
            let mut name = || {
                count += 1;
                format!("orderby_{count}")
            };
            let sort = |field: &Field| SortColumn { column: field.db_name.clone(), descending, nulls_first };
            let (column, joins, ordered) = match &order.by {
                By::Column { model, field, hops } => {
                    let (joins, last, at) = self.hops(hops, &mut name, parent)?;
                    let on = if hops.is_empty() { access } else { at };
                    if !hops.is_empty() || simple {
                        self.access(on, |access| access.sort.push(sort(field)));
                    }
                    simple &= hops.is_empty();
                    let column = last.column(model, field);
                    (column.clone(), joins, column)
                }
                By::Count { hops } => {
                    simple = false;
                    let Some((counted, before)) = hops.split_last() else { continue };
                    let (mut joins, last, _) = self.hops(before, &mut name, parent)?;
                    let alias = format!("{}_{}", name(), counted.related.name);
                    joins.push((
                        alias.clone(),
                        self.count_join(counted, None, "orderby_aggregator", &alias, &last)?,
                    ));
                    let column = Sql::text(format!("{}.\"orderby_aggregator\"", quoted(&alias)));
                    let ordered = Sql::text("COALESCE(").s(column.clone()).t(", ").s(self.free("0")).t(")");
                    (column, joins, ordered)
                }
                By::Aggregate { function, model, field } => {
                    simple = false;
                    let column = parent.column(model, field);
                    (column.clone(), Vec::new(), Sql::text(format!("{function}(")).s(column).t(")"))
                }
                By::Relevance { model, fields, hops, path } => {
                    simple = false;
                    let (joins, last, _) = self.hops(hops, &mut name, parent)?;
                    let columns = Sql::join(fields.iter().map(|field| last.column(model, field)), ",");
                    let rank = Sql::text("ts_rank(to_tsvector(concat_ws(' ', ")
                        .s(columns)
                        .t(")), to_tsquery(")
                        .s(self.free(path))
                        .t("))");
                    (rank.clone(), joins, rank)
                }
            };
            let text = match (descending, nulls_first) {
                (false, None) => ordered.t(" ASC"),
                (true, None) => ordered.t(" DESC"),
                // Prisma leaves the space out here.
                (false, Some(true)) => ordered.t("ASC NULLS FIRST"),
                (false, Some(false)) => ordered.t("ASC NULLS LAST"),
                (true, Some(true)) => ordered.t("DESC NULLS FIRST"),
                (true, Some(false)) => ordered.t("DESC NULLS LAST"),
            };
            all.push(Ordered { column, joins, text });
        }
        Ok(all)
    }

    fn hops(
        &self,
        hops: &[Relation<'a>],
        name: &mut impl FnMut() -> String,
        parent: &Alias,
    ) -> Outcome<Hopped> {
        let mut last = parent.clone();
        let mut joins = Vec::new();
        let mut at = 0;
        for hop in hops {
            let alias = name();
            at = self.touch(hop.related);
            joins.push((alias.clone(), self.join_one(hop, &alias, &last, at)?));
            last = Alias::Named(alias);
        }
        Ok((joins, last, at))
    }

    /// ` LEFT JOIN (SELECT fk, COUNT(*) AS name FROM child WHERE … GROUP BY fk) AS alias ON (…)`
    pub(super) fn count_join(
        &self,
        relation: &Relation<'a>,
        filter: Option<&super::filter::Filter<'a>>,
        name: &str,
        alias: &str,
        parent: &Alias,
    ) -> Outcome<Sql> {
        let access = self.touch(relation.related);
        self.access(access, |access| {
            access.joined = true;
            access.aggregates = true;
        });
        let scope = super::condition::Scope::top(access, true);
        let (tree, joins) = match filter {
            Some(filter) => self.condition(filter, &scope)?,
            None => (Tree::Always, Vec::new()),
        };
        let named = Alias::Named(alias.to_owned());
        if let Kind::Many { table: between, own, other, .. } = &relation.kind {
            let namespace = relation.between_namespace();
            let through = self.touch_table(namespace, between);
            self.access(through, |access| {
                access.joined = true;
                access.aggregates = true;
                note(Arc::make_mut(&mut access.columns), own);
            });
            let between = format!("{}.{}", quoted(namespace), quoted(between));
            let ids = World::identifier(relation.related)?;
            let on = ids
                .into_iter()
                .map(|id| Alias::Table.column(relation.related, id).t(&format!(" = {between}.\"{other}\"")));
            let parents = World::identifier(relation.model)?
                .into_iter()
                .map(|id| parent.column(relation.model, id).t(&format!(" = {}.\"{own}\"", quoted(alias))));
            return Ok(Sql::text(format!(
                " LEFT JOIN (SELECT {between}.\"{own}\", COUNT({between}.\"{own}\") AS {} FROM {}",
                quoted(name),
                table(relation.related)
            ))
            .s(joined(joins))
            .t(&format!(" LEFT JOIN {between} ON "))
            .s(Sql::join(on, " AND ").wrapped())
            .t(" WHERE ")
            .s(tree.sql())
            .t(&format!(" GROUP BY {between}.\"{own}\") AS {} ON ", quoted(alias)))
            .s(Sql::join(parents, " AND ").wrapped()));
        }
        let keys = relation.related_fields()?;
        self.access(access, |access| {
            keys.iter().for_each(|key| note(Arc::make_mut(&mut access.columns), &key.db_name));
        });
        let columns: Vec<Sql> = keys.iter().map(|key| Alias::Table.column(relation.related, key)).collect();
        let pairs = relation.own_fields()?.into_iter().zip(&keys).map(|(own, key)| {
            parent.column(relation.model, own).t(" = ").s(named.column(relation.related, key))
        });
        Ok(Sql::text(" LEFT JOIN (SELECT ")
            .s(Sql::join(columns.clone(), ", "))
            .t(&format!(", COUNT(*) AS {} FROM {}", quoted(name), table(relation.related)))
            .s(joined(joins))
            .t(" WHERE ")
            .s(tree.sql())
            .t(" GROUP BY ")
            .s(Sql::join(columns, ", "))
            .t(&format!(") AS {} ON ", quoted(alias)))
            .s(Sql::join(pairs, " AND ").wrapped()))
    }
}
