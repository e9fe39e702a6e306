//! One `SELECT` of a model's rows.

use std::sync::Arc;

use pgsteward_model::code::{Limit, Purpose, StatementKind};
use pgsteward_model::prisma::{Field, Model};

use super::Outcome;
use super::column::selected;
use super::condition::{Scope, joined};
use super::filter::Filter;
use super::page::{Page, Skip, Take};
use super::plan::{Alias, Plan, note, note_all};
use super::scalar::{Operand, Operator, Test};
use super::select::Selection;
use super::sql::{Sql, Tree, quoted};
use super::world::{Kind, Relation, World, table};

/// How the rows of a relation hang on those of their parents.
pub(super) struct Link<'a> {
    pub(super) relation: Relation<'a>,
    /// At most one parent: its key is compared, not looked up in a list.
    pub(super) one_parent: bool,
}

impl<'a> Plan<'a> {
    /// Sends the statement. What `page` leaves to memory must have been taken out of it.
    pub(super) fn read(
        &self,
        page: &Page<'a>,
        selection: &Selection<'a>,
        link: Option<&Link<'a>>,
        purpose: Purpose,
    ) -> Outcome<()> {
        let sql = self.select(page, &selection.columns, &selection.counts, link)?;
        self.send(sql, StatementKind::Select, purpose);
        Ok(())
    }

    /// `SELECT … FROM … WHERE … ORDER BY … LIMIT … OFFSET …`
    pub(super) fn select(
        &self,
        page: &Page<'a>,
        columns: &[&'a Field],
        counts: &[(Relation<'a>, Option<Filter<'a>>)],
        link: Option<&Link<'a>>,
    ) -> Outcome<Sql> {
        let access = self.touch(page.model);
        self.access(access, |access| {
            note_all(Arc::make_mut(&mut access.columns), columns.iter().copied());
        });
        let mut list: Vec<Sql> =
            columns.iter().map(|field| selected(&Alias::Table, page.model, field)).collect();
        let (body, distinct, values) = self.body(page, counts, link, access, Sql::default(), &mut list)?;
        list.extend(values);
        Ok(Sql::text("SELECT ").s(distinct).s(Sql::join(list, ", ")).s(body))
    }

    /// Everything from `FROM` on, with `GROUP BY` and `HAVING` as given; `DISTINCT ON`; the values of counts.
    pub(super) fn body(
        &self,
        page: &Page<'a>,
        counts: &[(Relation<'a>, Option<Filter<'a>>)],
        link: Option<&Link<'a>>,
        access: usize,
        group: Sql,
        list: &mut Vec<Sql>,
    ) -> Outcome<(Sql, Sql, Vec<Sql>)> {
        let many = match link {
            Some(Link { relation, one_parent }) if matches!(relation.kind, Kind::Many { .. }) => {
                Some(self.through(relation, *one_parent, list))
            }
            _ => None,
        };
        let ordered = self.orders(&page.orders, page.take.reversed(), &Alias::Table, access)?;
        let cursor = self.cursor(page, &ordered, access)?;
        let mut joins: Vec<Sql> =
            ordered.iter().flat_map(|one| one.joins.iter().map(|(_, join)| join.clone())).collect();
        let mut values = Vec::new();
        for (at, (relation, filter)) in counts.iter().enumerate() {
            let alias = format!("aggr_selection_{at}_{}", relation.related.name);
            let name = format!("_aggr_count_{}", relation.field.name);
            joins.push(self.count_join(relation, filter.as_ref(), &name, &alias, &Alias::Table)?);
            let name = quoted(&name);
            values.push(Sql::text(format!("COALESCE({}.{name}, 0) AS {name}", quoted(&alias))));
        }
        let filter = match link {
            Some(link) if many.is_none() => Some(linked(page.filter.clone(), link)?),
            _ => page.filter.clone(),
        };
        let (tree, filter_joins) = match &filter {
            Some(filter) => self.condition(filter, &Scope::top(access, true))?,
            None => (Tree::Always, Vec::new()),
        };
        joins.extend(filter_joins);
        let mut tree = match (tree, cursor) {
            (tree, Tree::Always) => tree,
            (Tree::Always, cursor) => cursor,
            (tree, cursor) => tree.and(cursor),
        };
        if let Some((join, condition)) = many {
            joins.push(join);
            tree = tree.and(condition);
        }
        let distinct = if page.distinct.is_empty() {
            Sql::default()
        } else {
            let columns = page.distinct.iter().map(|field| Alias::Table.column(page.model, field));
            Sql::text("DISTINCT ON (").s(Sql::join(columns, ", ")).t(") ")
        };
        let mut sql = Sql::text(format!(" FROM {}", table(page.model)))
            .s(joined(joins))
            .t(" WHERE ")
            .s(tree.sql())
            .s(group);
        if !ordered.is_empty() {
            sql = sql.t(" ORDER BY ").s(Sql::join(ordered.into_iter().map(|one| one.text), ", "));
        }
        Ok((self.paged(page, sql, access), distinct, values))
    }

    /// Adds `LIMIT` and `OFFSET`.
    fn paged(&self, page: &Page<'a>, mut sql: Sql, access: usize) -> Sql {
        let limit = match page.take {
            _ if page.ignored => Limit::None,
            Take::All => Limit::None,
            Take::One(_) => Limit::Rows(1),
            Take::Known(count) => Limit::Rows(count.unsigned_abs()),
            Take::Unknown => Limit::Parameter,
        };
        let at =
            |name: &str| if page.path.is_empty() { name.to_owned() } else { format!("{}.{name}", page.path) };
        if limit != Limit::None {
            sql = sql.t(" LIMIT ").s(self.free(&at("limit")));
        }
        let offset = !page.ignored && !matches!(page.skip, None | Some(Skip::Known(0)));
        self.access(access, |access| {
            access.limit = limit;
            access.offset = offset;
        });
        sql.t(" OFFSET ").s(self.free(&at("offset")))
    }

    /// The table between and its condition, for a relation of many to many.
    fn through(&self, relation: &Relation<'a>, one_parent: bool, list: &mut Vec<Sql>) -> (Sql, Tree) {
        let Kind::Many { table: between, name, own, other } = &relation.kind else {
            return (Sql::default(), Tree::Always);
        };
        let alias = format!("t{}", self.next_alias());
        let namespace = relation.between_namespace();
        let access = self.touch_table(namespace, between);
        self.access(access, |access| {
            access.joined = true;
            let keys = if one_parent { &mut access.equal } else { &mut access.any_of };
            note(keys, own);
            note(Arc::make_mut(&mut access.columns), own);
        });
        let ids = World::identifier(relation.related).unwrap_or_default();
        let on = ids.into_iter().map(|id| {
            Sql::text(format!("\"{alias}\".\"{other}\" = ")).s(Alias::Table.column(relation.related, id))
        });
        let join =
            Sql::text(format!(" INNER JOIN {}.{} AS \"{alias}\" ON ", quoted(namespace), quoted(between)))
                .s(Sql::join(on, " AND "));
        let full = format!("{name}@{}", relation.model.name);
        let link = if full.len() <= 63 { full } else { format!("@link${}", self.next_link()) };
        list.push(Sql::text(format!("\"{alias}\".\"{own}\" AS {}", quoted(&link))));
        let column = Sql::text(format!("\"{alias}\".\"{own}\""));
        let parent = self.free("parent");
        let condition =
            if one_parent { column.t(" = ").s(parent) } else { column.t(" IN ").s(parent.wrapped()) };
        (join, Tree::One(condition))
    }
}

/// The filter of a relation's rows, then the keys of their parents.
fn linked<'a>(filter: Option<Filter<'a>>, link: &Link<'a>) -> Outcome<Filter<'a>> {
    let mut all: Vec<Filter<'a>> = filter.into_iter().collect();
    let own = link.relation.own_fields()?;
    let related = link.relation.related;
    let mut pairs: Vec<(&Field, &Field)> = own.into_iter().zip(link.relation.related_fields()?).collect();
    // In the order that the related model has its fields.
    pairs.sort_by_key(|(_, key)| related.fields.iter().position(|field| std::ptr::eq(field, *key)));
    for (parent, key) in pairs {
        all.push(parent_key(link.relation.related, key, parent, link.one_parent));
    }
    Ok(Filter::And(all))
}

fn parent_key<'a>(model: &'a Model, key: &'a Field, parent: &Field, one: bool) -> Filter<'a> {
    let path = format!("parent.{}", parent.name);
    let operator = if one { Operator::Equals } else { Operator::In };
    Filter::Test(Test::new(model, key, operator, Operand::Brought { path, list: !one }))
}
