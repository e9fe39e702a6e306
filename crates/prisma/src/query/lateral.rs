//! The lateral subqueries of the join strategy: one for each relation and each count.

use std::sync::Arc;

use pgsteward_model::code::{InMemory, Limit};
use pgsteward_model::prisma::{Arity, Field, FieldType, Scalar};

use super::Outcome;
use super::column::money;
use super::condition::Scope;
use super::filter::Filter;
use super::join::{Body, DATA, Visited, aggregated, count_name, counted, name_of};
use super::order::By;
use super::page::Page;
use super::plan::{Alias, Plan, note};
use super::select::{Asked, Selection};
use super::sql::{Sql, Tree, quoted};
use super::world::{Kind, Relation, World, table};

/// Members of one `JSONB_BUILD_OBJECT`.
const MEMBERS: usize = 50;

impl<'a> Plan<'a> {
    /// A relation to one: its object, for one row.
    pub(super) fn lateral_one(
        &self,
        relation: &Relation<'a>,
        page: &Page<'a>,
        selection: &Selection<'a>,
        parent: &Alias,
        steps: &mut Vec<InMemory>,
    ) -> Outcome<Sql> {
        let name = format!("t{}", self.next_alias());
        let alias = Alias::Named(name.clone());
        let access = self.touch_child(relation, selection)?;
        self.access(access, |access| access.limit = Limit::Rows(1));
        let mut body = Body::default();
        body.and(on(relation, parent, &alias)?);
        if let Some(filter) = &page.filter {
            let (tree, joins) = self.condition(filter, &Scope::aliased(access, &name))?;
            body.and(tree);
            body.joins.extend(joins);
        }
        body.tail = Sql::text(" LIMIT ").s(self.free("1"));
        let mut visited = Visited::new();
        self.laterals(selection, &alias, &mut body, &mut visited, steps)?;
        Ok(Sql::text("SELECT ")
            .s(object(relation, selection, page, &alias, &mut visited))
            .t(&format!(" AS {DATA} FROM {} AS {}", table(relation.related), quoted(&name)))
            .s(body.sql()))
    }

    /// The children of a row, each as an object, filtered and paged; and the alias that they are aggregated under.
    pub(super) fn children(
        &self,
        relation: &Relation<'a>,
        page: &Page<'a>,
        selection: &Selection<'a>,
        parent: &Alias,
        steps: &mut Vec<InMemory>,
    ) -> Outcome<(Sql, String)> {
        let names: Vec<String> = (0..4).map(|_| format!("t{}", self.next_alias())).collect();
        let access = self.touch_child(relation, selection)?;
        let root = Alias::Named(names[1].clone());
        let first = on(relation, parent, &Alias::Named(names[0].clone()))?;
        let mut body = Body::default();
        let mut visited = Visited::new();
        self.laterals(selection, &root, &mut body, &mut visited, steps)?;
        let linking =
            if matches!(relation.kind, Kind::Many { .. }) { relation.related_fields()? } else { Vec::new() };
        let mut columns = Vec::new();
        let mut add = |field: &'a Field| {
            if !columns.iter().any(|one: &&'a Field| std::ptr::eq(*one, field)) {
                columns.push(field);
            }
        };
        order_fields(page)?.into_iter().for_each(&mut add);
        page.distinct.iter().copied().for_each(&mut add);
        linking.into_iter().for_each(&mut add);
        filter_fields(page.filter.as_ref())?.into_iter().for_each(&mut add);
        if !matches!(relation.kind, Kind::Many { .. }) {
            for (nested, _, _) in &selection.nested {
                nested.own_fields()?.into_iter().for_each(&mut add);
            }
        }
        let mut values =
            vec![object(relation, selection, page, &root, &mut visited).t(&format!(" AS {DATA}"))];
        values.extend(columns.into_iter().map(|field| root.column(relation.related, field)));
        let comment = if matches!(relation.kind, Kind::Many { .. }) { "" } else { " /* inner select */" };
        let inner = Sql::text("SELECT ")
            .s(Sql::join(values, ", "))
            .t(&format!(
                " FROM (SELECT \"{}\".* FROM {} AS \"{}\" WHERE ",
                names[0],
                table(relation.related),
                names[0]
            ))
            .s(first.sql())
            .t(&format!(" /* root select */) AS \"{}\"", names[1]))
            .s(body.sql())
            .t(comment);
        if matches!(relation.kind, Kind::Many { .. }) {
            return Ok((inner, names[2].clone()));
        }
        let alias = Alias::Named(names[2].clone());
        let mut middle = self.paged_body(page, &alias, access)?;
        let distinct = std::mem::take(&mut middle.distinct);
        let middle = Sql::text("SELECT ")
            .s(distinct)
            .t(&format!("\"{}\".{DATA} FROM (", names[2]))
            .s(inner)
            .t(&format!(") AS \"{}\"", names[2]))
            .s(middle.sql())
            .t(" /* middle select */");
        Ok((middle, names[3].clone()))
    }

    pub(super) fn lateral_many(
        &self,
        relation: &Relation<'a>,
        page: &Page<'a>,
        selection: &Selection<'a>,
        parent: &Alias,
        count: Option<String>,
        steps: &mut Vec<InMemory>,
    ) -> Outcome<Sql> {
        let Kind::Many { table: between, own, .. } = &relation.kind else { return Ok(Sql::default()) };
        let names: Vec<String> = (0..3).map(|_| format!("t{}", self.next_alias())).collect();
        let through = self.touch_table(relation.between_namespace(), between);
        self.access(through, |access| {
            access.joined = true;
            note(&mut access.equal, own);
        });
        let (children, _) =
            self.children(relation, page, selection, &Alias::Named(names[0].clone()), steps)?;
        let ids = World::identifier(relation.model)?;
        let pairs = ids.into_iter().map(|id| {
            Tree::One(
                Sql::text(format!("\"{}\".\"{own}\" = ", names[0])).s(parent.column(relation.model, id)),
            )
        });
        let alias = Alias::Named(names[1].clone());
        let access = self.touch(relation.related);
        self.access(access, |access| access.joined = true);
        let mut page = page.clone();
        let filter = page.filter.take();
        let mut body = Body::default();
        pairs.for_each(|pair| body.and(pair));
        if let Some(filter) = &filter {
            let (tree, joins) = self.condition(filter, &Scope::aliased(access, &names[1]))?;
            body.and(tree);
            body.joins.extend(joins);
        }
        let rest = self.paged_body(&page, &alias, access)?;
        body.joins.extend(rest.joins);
        body.tail = rest.tail;
        let inner = Sql::text("SELECT ")
            .s(rest.distinct)
            .t(&format!("\"{}\".{DATA} FROM ", names[1]))
            .t(&format!("{}.{} AS \"{}\" ", quoted(relation.between_namespace()), quoted(between), names[0]))
            .t("LEFT JOIN LATERAL (")
            .s(children)
            .t(&format!(") AS \"{}\" ON true", names[1]))
            .s(body.sql())
            .t(" /* inner */");
        Ok(aggregated(inner, &names[2], count.as_deref(), " /* outer */"))
    }

    pub(super) fn lateral_count(
        &self,
        relation: &Relation<'a>,
        filter: Option<&Filter<'a>>,
        parent: &Alias,
    ) -> Outcome<Sql> {
        let name = format!("t{}", self.next_alias());
        let alias = Alias::Named(name.clone());
        let access = self.touch(relation.related);
        self.access(access, |access| {
            access.joined = true;
            access.aggregates = true;
        });
        let mut body = Body::default();
        if let Kind::Many { table: between, own, other, .. } = &relation.kind {
            let through = format!("t{}", self.next_alias());
            let at = self.touch_table(relation.between_namespace(), between);
            self.access(at, |access| {
                access.joined = true;
                note(&mut access.equal, own);
            });
            let ids = World::identifier(relation.related)?.into_iter();
            let on = ids.map(|id| {
                Sql::text(format!("\"{through}\".\"{other}\" = ")).s(alias.column(relation.related, id))
            });
            body.joins.push(
                Sql::text(format!(
                    " LEFT JOIN {}.{} AS \"{through}\" ON ",
                    quoted(relation.between_namespace()),
                    quoted(between)
                ))
                .s(Sql::join(on, " AND ")),
            );
            for id in World::identifier(relation.model)? {
                let column = Sql::text(format!("\"{through}\".\"{own}\" = "));
                body.and(Tree::One(column.s(parent.column(relation.model, id))));
            }
        } else {
            let keys = relation.related_fields()?;
            self.access(access, |access| keys.iter().for_each(|key| note(&mut access.equal, &key.db_name)));
            body.and(on(relation, parent, &alias)?);
        }
        if let Some(filter) = filter {
            let (tree, joins) = self.condition(filter, &Scope::aliased(access, &name))?;
            body.and(tree);
            body.joins.extend(joins);
        }
        Ok(Sql::text(format!(
            "SELECT COUNT(*) AS {} FROM {} AS \"{name}\"",
            quoted(&count_name(relation)),
            table(relation.related)
        ))
        .s(body.sql()))
    }

    fn touch_child(&self, relation: &Relation<'a>, selection: &Selection<'a>) -> Outcome<usize> {
        let access = self.touch(relation.related);
        let keys = relation.related_fields()?;
        self.access(access, |access| {
            access.joined = true;
            keys.iter().for_each(|key| note(&mut access.equal, &key.db_name));
            for asked in &selection.asked {
                if let Asked::Column(field) = asked {
                    note(Arc::make_mut(&mut access.columns), &field.db_name);
                }
            }
        });
        Ok(access)
    }
}

/// How children hang on their parent.
fn on<'a>(relation: &Relation<'a>, parent: &Alias, child: &Alias) -> Outcome<Tree> {
    let keys = relation.related_fields()?.into_iter();
    let pairs: Vec<Tree> = match &relation.kind {
        Kind::Many { other, .. } => {
            let left = match parent {
                Alias::Named(name) => format!("{}.\"{other}\" = ", quoted(name)),
                Alias::Table => format!("\"{other}\" = "),
            };
            keys.map(|key| Tree::One(Sql::text(left.clone()).s(child.column(relation.related, key))))
                .collect()
        }
        _ => relation
            .own_fields()?
            .into_iter()
            .zip(keys)
            .map(|(own, key)| {
                let left = parent.column(relation.model, own);
                Tree::One(left.t(" = ").s(child.column(relation.related, key)))
            })
            .collect(),
    };
    Ok(pairs.into_iter().reduce(Tree::and).unwrap_or(Tree::Always))
}

/// `JSONB_BUILD_OBJECT('id', t1.id, …)`
fn object<'a>(
    relation: &Relation<'a>,
    selection: &Selection<'a>,
    page: &Page<'a>,
    alias: &Alias,
    visited: &mut Visited,
) -> Sql {
    let model = relation.related;
    let member = |field: &Field| {
        let big = matches!(field.ty, FieldType::Scalar(Scalar::BigInt)) && field.arity != Arity::List;
        let cast = match field {
            _ if big => "::text",
            field if money(field) => "::numeric",
            _ => "",
        };
        Sql::text(format!("'{}', ", field.name)).s(alias.column(model, field)).t(cast)
    };
    let mut members: Vec<Sql> = selection
        .asked
        .iter()
        .map(|asked| match asked {
            Asked::Column(field) => member(field),
            Asked::Relation(at) => {
                let nested = &selection.nested[*at].0;
                Sql::text(format!("'{}', {}.{DATA}", nested.field.name, quoted(&name_of(nested))))
            }
        })
        .collect();
    if !page.distinct.is_empty() && !page.distinct_joined() {
        for field in &page.distinct {
            let known = |asked: &Asked<'a>| matches!(asked, Asked::Column(one) if std::ptr::eq(*one, *field));
            if !selection.asked.iter().any(known) {
                members.push(member(field));
            }
        }
    }
    if !selection.counts.is_empty() {
        members.push(Sql::text("'_count', ").s(counted(selection, visited)));
    }
    // A function takes a hundred arguments at most.
    let parts = members
        .chunks(MEMBERS)
        .map(|part| Sql::text("JSONB_BUILD_OBJECT(").s(Sql::join(part.to_vec(), ", ")).t(")"));
    Sql::join(parts, " || ")
}

/// The columns that the order of the outer query needs from the inner one.
fn order_fields<'a>(page: &Page<'a>) -> Outcome<Vec<&'a Field>> {
    let mut all = Vec::new();
    for order in &page.orders {
        match &order.by {
            By::Column { field, hops, .. } if hops.is_empty() => all.push(*field),
            By::Column { hops, .. } => all.extend(first_keys(hops)?),
            By::Count { hops } => all.extend(first_keys(&hops[..hops.len().saturating_sub(1)])?),
            By::Aggregate { field, .. } => all.push(*field),
            By::Relevance { fields, .. } => all.extend(fields.iter().copied()),
        }
    }
    Ok(all)
}

fn first_keys<'a>(hops: &[Relation<'a>]) -> Outcome<Vec<&'a Field>> {
    hops.first().map_or(Ok(Vec::new()), Relation::own_fields)
}

/// The columns that the filter of the outer query needs from the inner one.
fn filter_fields<'a>(filter: Option<&Filter<'a>>) -> Outcome<Vec<&'a Field>> {
    let mut all = Vec::new();
    match filter {
        None | Some(Filter::Empty) => {}
        Some(Filter::And(inner) | Filter::Or(inner) | Filter::Not(inner)) => {
            for one in inner {
                all.extend(filter_fields(Some(one))?);
            }
        }
        Some(Filter::Test(test)) => all.push(test.field),
        Some(Filter::NoneThere(relation) | Filter::Related(relation, _, _)) => {
            all.extend(relation.own_fields()?);
        }
    }
    Ok(all)
}
