//! The join strategy of the preview feature `relationJoins`: one statement, relations as JSON of lateral subqueries.

use pgsteward_model::code::{InMemory, Limit, Purpose, StatementKind};
use pgsteward_model::prisma::{Arity, Field, FieldType, Scalar};

use super::Outcome;
use super::argument::Argument;
use super::column::selected;
use super::condition::{Scope, joined};
use super::filter::Filter;
use super::order::By;
use super::page::{Page, Skip, Take};
use super::plan::{Alias, Plan, note};
use super::select::{Asked, Selection};
use super::sql::{Sql, Tree, quoted};
use super::world::{Kind, Relation, World, namespace, table};

/// A statement in the making: joins, conditions, and what follows them.
#[derive(Default)]
struct Body {
    joins: Vec<Sql>,
    condition: Option<Tree>,
    /// `DISTINCT ON (…) `
    distinct: Sql,
    /// ` ORDER BY … LIMIT … OFFSET …`
    tail: Sql,
}

impl Body {
    fn and(&mut self, tree: Tree) {
        self.condition = Some(match self.condition.take() {
            Some(before) => before.and(tree),
            None => tree,
        });
    }

    fn sql(self) -> Sql {
        let sql = joined(self.joins);
        let sql = match self.condition {
            Some(tree) => sql.t(" WHERE ").s(tree.sql()),
            None => sql,
        };
        sql.s(self.tail)
    }
}

/// Counts that a relation of the same rows has brought already: the relation's field and where its count stands.
type Visited = Vec<(String, String)>;

impl<'a> Plan<'a> {
    /// True where Prisma takes the join strategy: the feature is on, nobody asked for the other, and no cursor.
    pub(super) fn joins(
        &self,
        argument: &Argument,
        page: &Page<'a>,
        selection: &Selection<'a>,
    ) -> Outcome<bool> {
        let asked = argument.get("relationLoadStrategy").and_then(Argument::text);
        if !self.world.features.has("relationJoins") || asked == Some("query") || page.cursor.is_some() {
            return Ok(false);
        }
        fn cursor(nested: &[(Relation<'_>, Argument, String)]) -> bool {
            nested.iter().any(|(_, argument, _)| has_cursor(argument))
        }
        Ok(!cursor(&selection.nested))
    }

    pub(super) fn read_joined(
        &self,
        page: &mut Page<'a>,
        selection: &mut Selection<'a>,
        purpose: Purpose,
    ) -> Outcome<()> {
        let mut steps = page.joined_steps();
        let mut columns: Vec<&'a Field> = selection.scalars[..World::identifier(page.model)?.len()].to_vec();
        let mut list: Vec<Shown<'a>> = columns.iter().map(|field| Shown::Column(field)).collect();
        for asked in &selection.asked {
            match asked {
                Asked::Column(field) if columns.iter().any(|one| std::ptr::eq(*one, *field)) => {}
                Asked::Column(field) => {
                    columns.push(field);
                    list.push(Shown::Column(field));
                }
                Asked::Relation(at) => list.push(Shown::Relation(*at)),
            }
        }
        let mut more: Vec<&'a Field> = page.distinct.clone();
        for (relation, _, _) in &selection.nested {
            more.extend(relation.own_fields()?);
        }
        for field in more {
            if !columns.iter().any(|one| std::ptr::eq(*one, field)) {
                columns.push(field);
                list.push(Shown::Column(field));
            }
        }
        let alias = Alias::Named(format!("t{}", self.next_alias()));
        let access = self.touch(page.model);
        self.access(access, |access| columns.iter().for_each(|field| note(&mut access.columns, &field.db_name)));
        let mut body = self.paged_body(page, &alias, access)?;
        let mut visited = Visited::new();
        self.laterals(selection, &alias, &mut body, &mut visited, &mut steps)?;
        let mut values: Vec<Sql> = list
            .iter()
            .map(|shown| match shown {
                Shown::Column(field) => {
                    let column = selected(&alias, page.model, field);
                    if field.name == field.db_name {
                        column
                    } else {
                        column.t(&format!(" AS {}", quoted(&field.name)))
                    }
                }
                Shown::Relation(at) => {
                    let relation = &selection.nested[*at].0;
                    Sql::text(format!("{}.{DATA} AS {}", quoted(&name_of(relation)), quoted(&relation.field.name)))
                }
            })
            .collect();
        if !selection.counts.is_empty() {
            values.push(counted(selection, &mut visited).t(" AS \"_count\""));
        }
        let Alias::Named(name) = &alias else { return Ok(()) };
        let distinct = std::mem::take(&mut body.distinct);
        let sql = Sql::text("SELECT ")
            .s(distinct)
            .s(Sql::join(values, ", "))
            .t(&format!(" FROM {} AS {}", table(page.model), quoted(name)))
            .s(body.sql());
        self.send(sql, StatementKind::Select, purpose);
        steps.into_iter().for_each(|step| self.remember(step));
        Ok(())
    }

    /// Filters, order and page of rows with an alias.
    fn paged_body(&self, page: &Page<'a>, alias: &Alias, access: usize) -> Outcome<Body> {
        let mut body = Body::default();
        let Alias::Named(name) = alias else { return Ok(body) };
        if !page.distinct.is_empty() && page.distinct_joined() {
            let columns = page.distinct.iter().map(|field| alias.column(page.model, field));
            body.distinct = Sql::text("DISTINCT ON (").s(Sql::join(columns, ", ")).t(") ");
        }
        let ordered = self.orders(&page.orders, page.take.reversed(), alias, access)?;
        body.joins.extend(ordered.iter().flat_map(|one| one.joins.iter().map(|(_, join)| join.clone())));
        if let Some(filter) = &page.filter {
            let (tree, joins) = self.condition(filter, &Scope::aliased(access, name))?;
            body.joins.extend(joins);
            body.and(tree);
        }
        self.tail(page, ordered.into_iter().map(|one| one.text).collect(), access, &mut body);
        Ok(body)
    }

    fn tail(&self, page: &Page<'a>, ordered: Vec<Sql>, access: usize, body: &mut Body) {
        if !ordered.is_empty() {
            body.tail = Sql::text(" ORDER BY ").s(Sql::join(ordered, ", "));
        }
        let in_memory = !page.distinct.is_empty()
            && !page.distinct_joined()
            && (page.take != Take::All || page.skip.is_some());
        if in_memory {
            return;
        }
        let at = |name: &str| if page.path.is_empty() { name.to_owned() } else { format!("{}.{name}", page.path) };
        if page.take != Take::All {
            let tail = std::mem::take(&mut body.tail);
            body.tail = tail.t(" LIMIT ").s(self.free(&at("limit")));
            let limit = page.take.number().map_or(Limit::Parameter, |count| Limit::Rows(count.unsigned_abs()));
            self.access(access, |access| access.limit = limit);
        }
        if let Some(skip) = page.skip {
            let tail = std::mem::take(&mut body.tail);
            body.tail = tail.t(" OFFSET ").s(self.free(&at("offset")));
            self.access(access, |access| access.offset = skip != Skip::Known(0));
        }
    }

    /// Adds a lateral join for each relation, then for each count that none of them brought.
    fn laterals(
        &self,
        selection: &Selection<'a>,
        parent: &Alias,
        body: &mut Body,
        visited: &mut Visited,
        steps: &mut Vec<InMemory>,
    ) -> Outcome<()> {
        for (relation, argument, path) in &selection.nested {
            let page = Page::parse(self.world, relation.related, argument, path)?;
            steps.extend(page.joined_steps());
            let inner = Selection::parse(self.world, relation.related, argument, path)?;
            let name = name_of(relation);
            let plain = page.take == Take::All && page.skip.is_none() && page.distinct.is_empty();
            let count = selection.counts.iter().any(|(counted, filter)| {
                plain && counted.field.name == relation.field.name && *filter == page.filter
            });
            let count = count && relation.list();
            let lateral = match relation.kind {
                Kind::Many { .. } => {
                    let count = count.then(|| count_name(relation));
                    self.lateral_many(relation, &page, &inner, parent, count, steps)?
                }
                _ if relation.list() => {
                    let count = count.then(|| count_name(relation));
                    let (inner, alias) = self.children(relation, &page, &inner, parent, steps)?;
                    aggregated(inner, &alias, count.as_deref(), " /* outer select */")
                }
                _ => self.lateral_one(relation, &page, &inner, parent, steps)?,
            };
            if count {
                visited.push((relation.field.name.clone(), name.clone()));
            }
            body.joins.push(
                Sql::text(" LEFT JOIN LATERAL (").s(lateral).t(&format!(") AS {} ON true", quoted(&name))),
            );
        }
        for (relation, filter) in &selection.counts {
            if visited.iter().any(|(field, _)| *field == relation.field.name) {
                continue;
            }
            let alias = format!("t{}", self.next_alias());
            let select = self.lateral_count(relation, filter.as_ref(), parent)?;
            visited.push((relation.field.name.clone(), alias.clone()));
            body.joins.push(
                Sql::text(" LEFT JOIN LATERAL (").s(select).t(&format!(") AS {} ON true", quoted(&alias))),
            );
        }
        Ok(())
    }

    /// A relation to one: its object, for one row.
    fn lateral_one(
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
    fn children(
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
        let linking = if matches!(relation.kind, Kind::Many { .. }) { relation.related_fields()? } else { Vec::new() };
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
        let mut values = vec![object(relation, selection, page, &root, &mut visited).t(&format!(" AS {DATA}"))];
        values.extend(columns.into_iter().map(|field| root.column(relation.related, field)));
        let comment = if matches!(relation.kind, Kind::Many { .. }) { "" } else { " /* inner select */" };
        let inner = Sql::text("SELECT ")
            .s(Sql::join(values, ", "))
            .t(&format!(" FROM (SELECT \"{}\".* FROM {} AS \"{}\" WHERE ", names[0], table(relation.related), names[0]))
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

    fn lateral_many(
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
        let through = self.touch_table(namespace(relation.model), between);
        self.access(through, |access| {
            access.joined = true;
            note(&mut access.equal, own);
        });
        let (children, _) = self.children(relation, page, selection, &Alias::Named(names[0].clone()), steps)?;
        let ids = World::identifier(relation.model)?;
        let pairs = ids.into_iter().map(|id| {
            Tree::One(Sql::text(format!("\"{}\".\"{own}\" = ", names[0])).s(parent.column(relation.model, id)))
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
            .t(&format!("{}.{} AS \"{}\" ", quoted(namespace(relation.model)), quoted(between), names[0]))
            .t("LEFT JOIN LATERAL (")
            .s(children)
            .t(&format!(") AS \"{}\" ON true", names[1]))
            .s(body.sql())
            .t(" /* inner */");
        Ok(aggregated(inner, &names[2], count.as_deref(), " /* outer */"))
    }

    fn lateral_count(
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
            let at = self.touch_table(namespace(relation.model), between);
            self.access(at, |access| {
                access.joined = true;
                note(&mut access.equal, own);
            });
            let ids = World::identifier(relation.related)?.into_iter();
            let on = ids.map(|id| Sql::text(format!("\"{through}\".\"{other}\" = ")).s(alias.column(relation.related, id)));
            body.joins.push(
                Sql::text(format!(
                    " LEFT JOIN {}.{} AS \"{through}\" ON ",
                    quoted(namespace(relation.model)),
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
                    note(&mut access.columns, &field.db_name);
                }
            }
        });
        Ok(access)
    }
}

enum Shown<'a> {
    Column(&'a Field),
    Relation(usize),
}

const DATA: &str = "\"__prisma_data__\"";

fn has_cursor(argument: &Argument) -> bool {
    let Some(entries) = argument.object() else { return false };
    entries.iter().any(|(name, value)| match name.as_str() {
        "cursor" => true,
        "select" | "include" => {
            value.object().is_some_and(|fields| fields.iter().any(|(_, inner)| has_cursor(inner)))
        }
        _ => false,
    })
}

fn name_of(relation: &Relation<'_>) -> String {
    let plain = format!("{}_{}", relation.model.name, relation.field.name);
    if matches!(relation.kind, Kind::Many { .. }) { format!("{plain}_m2m") } else { plain }
}

fn count_name(relation: &Relation<'_>) -> String {
    format!("_aggr_count_{}", relation.field.name)
}

fn aggregated(inner: Sql, alias: &str, count: Option<&str>, comment: &str) -> Sql {
    let sql = Sql::text(format!("SELECT COALESCE(JSONB_AGG({DATA}), '[]') AS {DATA}"));
    let sql = match count {
        Some(name) => sql.t(&format!(", COUNT({DATA}) AS {}", quoted(name))),
        None => sql,
    };
    sql.t(" FROM (").s(inner).t(&format!(") AS {}", quoted(alias))).t(comment)
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
            keys.map(|key| Tree::One(Sql::text(left.clone()).s(child.column(relation.related, key)))).collect()
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
        let cast = if big { "::text" } else { "" };
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
    Sql::text("JSONB_BUILD_OBJECT(").s(Sql::join(members, ", ")).t(")")
}

/// `JSONB_BUILD_OBJECT('posts', COALESCE(t1._aggr_count_posts, 0), …)`
fn counted(selection: &Selection<'_>, visited: &mut Visited) -> Sql {
    let members = selection.counts.iter().map(|(relation, _)| {
        let field = &relation.field.name;
        let at = visited.iter().find(|(name, _)| name == field).map(|(_, alias)| alias.as_str());
        Sql::text(format!(
            "'{field}', COALESCE({}.{}, 0)",
            quoted(at.unwrap_or_default()),
            quoted(&count_name(relation))
        ))
    });
    Sql::text("JSONB_BUILD_OBJECT(").s(Sql::join(members, ", ")).t(")")
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
