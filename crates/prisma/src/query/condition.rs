//! Filters to conditions in SQL, the joins that they need, and what an index could do for them.
//!
//! The forms are those of Prisma 7 (prisma-engines, `sql-query-builder/src/filter`): `EXISTS` for relations to many,
//! `LEFT JOIN` for relations to one where the statement may join, `EXISTS` where it may not.

use pgsteward_model::prisma::Field;

use super::filter::{Filter, Quantifier};
use super::plan::{Alias, Plan, note};
use super::sql::{Sql, Tree};
use super::world::{Kind, Relation, World, table};
use super::{Outcome, json, test};

/// Where a filter stands.
#[derive(Clone)]
pub(super) struct Scope {
    pub(super) alias: Alias,
    /// Which access of the statement the columns belong to.
    pub(super) access: usize,
    /// All conditions up to here hold together: none of them stands in `OR` or `NOT`.
    pub(super) sure: bool,
    /// Within `OR`, but not within `NOT`.
    pub(super) apart: bool,
    /// An odd number of `NOT` around it.
    pub(super) reverse: bool,
    /// The statement's own `FROM` may be joined to.
    joins: bool,
    nested: bool,
}

impl Scope {
    /// The statement's main table; `joins` is true for reads.
    pub(super) fn top(access: usize, joins: bool) -> Scope {
        Scope { alias: Alias::Table, access, sure: true, apart: false, reverse: false, joins, nested: false }
    }

    /// A table with an alias of its own within a statement that may be joined to.
    pub(super) fn aliased(access: usize, name: &str) -> Scope {
        Scope { alias: Alias::Named(name.to_owned()), ..Scope::top(access, true) }
    }

    fn below(&self, letter: char, number: usize, access: usize) -> Scope {
        Scope { alias: Alias::Named(format!("{letter}{number}")), access, nested: true, ..self.clone() }
    }

    fn not(&self) -> Scope {
        Scope { sure: false, apart: false, reverse: !self.reverse, ..self.clone() }
    }

    fn or(&self) -> Scope {
        Scope { sure: false, apart: self.sure || self.apart, ..self.clone() }
    }
}

/// A condition and the joins that it needs, in order.
pub(super) type Made = (Tree, Vec<Sql>);

impl<'a> Plan<'a> {
    pub(super) fn condition(&self, filter: &Filter<'a>, scope: &Scope) -> Outcome<Made> {
        match filter {
            Filter::Empty => Ok((Tree::Always, Vec::new())),
            Filter::And(all) => match all.as_slice() {
                [] => Ok((Tree::Always, Vec::new())),
                [one] => self.condition(one, scope),
                all => {
                    let (trees, joins) = self.each(all, scope)?;
                    Ok((Tree::And(trees), joins))
                }
            },
            Filter::Or(all) => match all.as_slice() {
                [] => Ok((Tree::Never, Vec::new())),
                [one] => self.condition(one, scope),
                all => {
                    let (trees, joins) = self.each(all, &scope.or())?;
                    Ok((Tree::Or(trees), joins))
                }
            },
            Filter::Not(all) => {
                let (mut trees, joins) = self.each(all, &scope.not())?;
                Ok(match trees.len() {
                    0 => (Tree::Always, joins),
                    1 => (trees.swap_remove(0).negated(), joins),
                    _ => (Tree::And(trees.into_iter().map(Tree::negated).collect()), joins),
                })
            }
            Filter::Test(one) if one.json_path.is_some() || json::special(one) => {
                Ok((json::condition(self, one, scope)?, Vec::new()))
            }
            Filter::Test(one) => Ok((test::condition(self, one, scope)?, Vec::new())),
            Filter::NoneThere(relation) => self.none_there(relation, scope),
            Filter::Related(relation, quantifier, nested) => {
                self.related(relation, *quantifier, nested, scope)
            }
        }
    }

    fn each(&self, all: &[Filter<'a>], scope: &Scope) -> Outcome<(Vec<Tree>, Vec<Sql>)> {
        let mut trees = Vec::new();
        let mut joins = Vec::new();
        for one in all {
            let (tree, more) = self.condition(one, scope)?;
            trees.push(tree);
            joins.extend(more);
        }
        Ok((trees, joins))
    }

    fn related(
        &self,
        relation: &Relation<'a>,
        quantifier: Quantifier,
        nested: &Filter<'a>,
        scope: &Scope,
    ) -> Outcome<Made> {
        let joinable = (scope.joins || scope.nested) && !relation.list();
        match quantifier {
            Quantifier::One | Quantifier::None if joinable => {
                let number = self.next_alias();
                let access = self.touch(relation.related);
                let join = self.join_one(relation, &format!("j{number}"), &scope.alias, access)?;
                let mut inner = scope.below('j', number, access);
                let negated = quantifier == Quantifier::None;
                if negated {
                    inner = inner.not();
                }
                let mut joins = vec![join];
                let (tree, more) = self.condition(nested, &inner)?;
                joins.extend(more);
                let keys = World::identifier(relation.related)?;
                let suffix = if negated { " IS NULL" } else { " IS NOT NULL" };
                let there = keys
                    .into_iter()
                    .map(|key| Tree::One(inner.alias.column(relation.related, key).t(suffix)))
                    .collect();
                let there = Tree::And(there);
                let tree = if negated { tree.negated().or(there) } else { tree.and(there) };
                Ok((tree, joins))
            }
            _ => {
                let inverted = quantifier == Quantifier::Every;
                let select = match &relation.kind {
                    Kind::Many { .. } => self.exists_many(relation, inverted, nested, scope)?,
                    _ => self.exists(relation, inverted, nested, scope)?,
                };
                let word = match quantifier {
                    Quantifier::Some | Quantifier::One => "EXISTS(",
                    _ => "NOT EXISTS(",
                };
                Ok((Tree::One(Sql::text(word).s(select).t(")")), Vec::new()))
            }
        }
    }

    /// `SELECT keys FROM child AS t0 WHERE (… AND (parent keys) = (child keys) AND child keys IS NOT NULL)`
    fn exists(
        &self,
        relation: &Relation<'a>,
        inverted: bool,
        nested: &Filter<'a>,
        scope: &Scope,
    ) -> Outcome<Sql> {
        let number = self.next_alias();
        let access = self.touch(relation.related);
        let mut inner = scope.below('t', number, access);
        // What the subquery asks of its own table holds together, whatever stands around it.
        (inner.sure, inner.apart) = (!inverted, false);
        let keys = relation.related_fields()?;
        self.joined_by(access, &keys);
        let (tree, joins) = self.inside(nested, &inner, inverted)?;
        let columns: Vec<Sql> = keys.iter().map(|key| inner.alias.column(relation.related, key)).collect();
        let own = relation
            .own_fields()?
            .into_iter()
            .map(|field| scope.alias.column(relation.model, field))
            .collect();
        let tree = correlated(tree, own, &columns);
        Ok(Sql::text("SELECT ")
            .s(Sql::join(columns, ", "))
            .t(&format!(" FROM {} AS \"t{number}\"", table(relation.related)))
            .s(joined(joins))
            .t(" WHERE ")
            .s(tree.sql()))
    }

    /// The same through the table of a relation of many to many.
    fn exists_many(
        &self,
        relation: &Relation<'a>,
        inverted: bool,
        nested: &Filter<'a>,
        scope: &Scope,
    ) -> Outcome<Sql> {
        let Kind::Many { table: between, own, other, .. } = &relation.kind else { return Ok(Sql::default()) };
        let number = self.next_alias();
        let namespace = relation.between_namespace();
        let through = self.touch_table(namespace, between);
        let access = self.touch(relation.related);
        self.access(through, |access| {
            access.joined = true;
            note(&mut access.equal, own);
        });
        let mut inner = scope.below('j', number, access);
        (inner.sure, inner.apart) = (!inverted, false);
        let ids = World::identifier(relation.related)?;
        self.joined_by(access, &ids);
        let (tree, joins) = self.inside(nested, &inner, inverted)?;
        let column = Sql::text(format!("\"t{number}\".\"{own}\""));
        let parents = World::identifier(relation.model)?
            .into_iter()
            .map(|field| scope.alias.column(relation.model, field));
        let tree = correlated(tree, parents.collect(), std::slice::from_ref(&column));
        let ids = ids.into_iter().map(|field| inner.alias.column(relation.related, field));
        Ok(Sql::text("SELECT ")
            .s(column)
            .t(&format!(
                " FROM {}.{} AS \"t{number}\"",
                super::sql::quoted(namespace),
                super::sql::quoted(between)
            ))
            .t(&format!(" INNER JOIN {} AS \"j{number}\" ON ", table(relation.related)))
            .s(row(ids.collect()))
            .t(&format!(" = (\"t{number}\".\"{other}\")"))
            .s(joined(joins))
            .t(" WHERE ")
            .s(tree.sql()))
    }

    /// The rows of a table are found by its keys.
    fn joined_by(&self, access: usize, keys: &[&Field]) {
        self.access(access, |access| {
            access.joined = true;
            keys.iter().for_each(|key| note(&mut access.equal, &key.db_name));
        });
    }

    /// What a subquery asks of its rows, or that they do not have it.
    fn inside(&self, nested: &Filter<'a>, scope: &Scope, inverted: bool) -> Outcome<Made> {
        let (tree, joins) = self.condition(nested, scope)?;
        Ok((if inverted { tree.negated() } else { tree }, joins))
    }

    fn none_there(&self, relation: &Relation<'a>, scope: &Scope) -> Outcome<Made> {
        if relation.kind == Kind::Here {
            let fields = relation.own_fields()?;
            self.access(scope.access, |access| {
                fields.iter().for_each(|field| note(&mut access.other, &field.db_name));
            });
            let all = fields
                .into_iter()
                .map(|field| Tree::One(scope.alias.column(relation.model, field).t(" IS NULL")))
                .collect();
            return Ok((Tree::And(all), Vec::new()));
        }
        if scope.joins || scope.nested {
            let number = self.next_alias();
            let access = self.touch(relation.related);
            let name = format!("j{number}");
            let join = self.join_one(relation, &name, &scope.alias, access)?;
            let alias = Alias::Named(name);
            let all = relation
                .related_fields()?
                .into_iter()
                .map(|field| Tree::One(alias.column(relation.related, field).t(" IS NULL")))
                .collect();
            return Ok((Tree::And(all), vec![join]));
        }
        let access = self.touch(relation.related);
        let keys = relation.related_fields()?;
        self.joined_by(access, &keys);
        let columns: Vec<Sql> = keys.iter().map(|key| Alias::Table.column(relation.related, key)).collect();
        let own = relation.own_fields()?.into_iter().map(|field| scope.alias.column(relation.model, field));
        let there = columns.iter().map(|column| Tree::One(column.clone().t(" IS NOT NULL")));
        let there = there.reduce(Tree::and).unwrap_or(Tree::Always);
        let select = Sql::text("SELECT ")
            .s(Sql::join(columns, ", "))
            .t(&format!(" FROM {} WHERE ", table(relation.related)))
            .s(there.sql());
        Ok((Tree::One(row(own.collect()).t(" NOT IN (").s(select).t(")")), Vec::new()))
    }

    /// ` LEFT JOIN child AS alias ON (child keys) = (parent keys)`
    pub(super) fn join_one(
        &self,
        relation: &Relation<'a>,
        alias: &str,
        parent: &Alias,
        access: usize,
    ) -> Outcome<Sql> {
        let keys = relation.related_fields()?;
        self.joined_by(access, &keys);
        let own = relation.own_fields()?.into_iter().map(|field| parent.column(relation.model, field));
        let named = Alias::Named(alias.to_owned());
        let theirs = keys.into_iter().map(|field| named.column(relation.related, field));
        Ok(Sql::text(format!(" LEFT JOIN {} AS {} ON ", table(relation.related), super::sql::quoted(alias)))
            .s(row(theirs.collect()))
            .t(" = ")
            .s(row(own.collect())))
    }
}

fn correlated(tree: Tree, parents: Vec<Sql>, children: &[Sql]) -> Tree {
    let equal = row(parents).t(" = ").s(row(children.to_vec()));
    children.iter().fold(tree.and(Tree::One(equal)), |tree, column| {
        tree.and(Tree::One(column.clone().t(" IS NOT NULL")))
    })
}

/// `(a,b)`: Prisma puts no space after the comma of a row.
pub(super) fn row(columns: Vec<Sql>) -> Sql {
    Sql::join(columns, ",").wrapped()
}

pub(super) fn joined(joins: Vec<Sql>) -> Sql {
    Sql::join(joins, "")
}
