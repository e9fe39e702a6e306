//! The join strategy of the preview feature `relationJoins`: one statement, relations as JSON of lateral subqueries.

use std::sync::Arc;

use pgsteward_model::code::{InMemory, Limit, Purpose, StatementKind};
use pgsteward_model::prisma::Field;

use super::Outcome;
use super::argument::Argument;
use super::column::selected;
use super::condition::{Scope, joined};
use super::page::{Page, Skip, Take};
use super::plan::{Alias, Plan, note};
use super::select::{Asked, Selection};
use super::sql::{Sql, Tree, quoted};
use super::world::{Kind, Relation, World, table};

/// A statement in the making: joins, conditions, and what follows them.
#[derive(Default)]
pub(super) struct Body {
    pub(super) joins: Vec<Sql>,
    condition: Option<Tree>,
    /// `DISTINCT ON (…) `
    pub(super) distinct: Sql,
    /// ` ORDER BY … LIMIT … OFFSET …`
    pub(super) tail: Sql,
}

impl Body {
    pub(super) fn and(&mut self, tree: Tree) {
        self.condition = Some(match self.condition.take() {
            Some(before) => before.and(tree),
            None => tree,
        });
    }

    pub(super) fn sql(self) -> Sql {
        let sql = joined(self.joins);
        let sql = match self.condition {
            Some(tree) => sql.t(" WHERE ").s(tree.sql()),
            None => sql,
        };
        sql.s(self.tail)
    }
}

/// Counts that a relation of the same rows has brought already: the relation's field and where its count stands.
pub(super) type Visited = Vec<(String, String)>;

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
        self.access(access, |access| {
            columns.iter().for_each(|field| note(Arc::make_mut(&mut access.columns), &field.db_name));
        });
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
                    Sql::text(format!(
                        "{}.{DATA} AS {}",
                        quoted(&name_of(relation)),
                        quoted(&relation.field.name)
                    ))
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
        // Relations in the order of their names, each before those below it.
        steps.sort_by(|one, other| one.path().split('.').cmp(other.path().split('.')));
        steps.into_iter().for_each(|step| self.remember(step));
        Ok(())
    }

    /// Filters, order and page of rows with an alias.
    pub(super) fn paged_body(&self, page: &Page<'a>, alias: &Alias, access: usize) -> Outcome<Body> {
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
        if page.joined_page_in_memory() {
            return;
        }
        let at =
            |name: &str| if page.path.is_empty() { name.to_owned() } else { format!("{}.{name}", page.path) };
        if page.take != Take::All {
            let tail = std::mem::take(&mut body.tail);
            body.tail = tail.t(" LIMIT ").s(self.free(&at("limit")));
            let limit =
                page.take.number().map_or(Limit::Parameter, |count| Limit::Rows(count.unsigned_abs()));
            self.access(access, |access| access.limit = limit);
        }
        if let Some(skip) = page.skip {
            let tail = std::mem::take(&mut body.tail);
            body.tail = tail.t(" OFFSET ").s(self.free(&at("offset")));
            self.access(access, |access| access.offset = skip != Skip::Known(0));
        }
    }

    /// Adds a lateral join for each relation, then for each count that none of them brought.
    pub(super) fn laterals(
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
}

enum Shown<'a> {
    Column(&'a Field),
    Relation(usize),
}

pub(super) const DATA: &str = "\"__prisma_data__\"";

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

pub(super) fn name_of(relation: &Relation<'_>) -> String {
    let plain = format!("{}_{}", relation.model.name, relation.field.name);
    if matches!(relation.kind, Kind::Many { .. }) { format!("{plain}_m2m") } else { plain }
}

pub(super) fn count_name(relation: &Relation<'_>) -> String {
    format!("_aggr_count_{}", relation.field.name)
}

pub(super) fn aggregated(inner: Sql, alias: &str, count: Option<&str>, comment: &str) -> Sql {
    let sql = Sql::text(format!("SELECT COALESCE(JSONB_AGG({DATA}), '[]') AS {DATA}"));
    let sql = match count {
        Some(name) => sql.t(&format!(", COUNT({DATA}) AS {}", quoted(name))),
        None => sql,
    };
    sql.t(" FROM (").s(inner).t(&format!(") AS {}", quoted(alias))).t(comment)
}

/// `JSONB_BUILD_OBJECT('posts', COALESCE(t1._aggr_count_posts, 0), …)`
pub(super) fn counted(selection: &Selection<'_>, visited: &mut Visited) -> Sql {
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
