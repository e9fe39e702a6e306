//! `cursor` as a condition: rows from the one that the cursor names, in the order of the statement.
//!
//! Each column of the order is compared with the cursor's own row, which a subquery finds. Nullable columns let rows
//! through that cannot be compared; Prisma drops them in memory.

use pgsteward_model::prisma::Arity;

use super::Outcome;
use super::condition::row;
use super::order::{By, Order, Ordered};
use super::page::Page;
use super::plan::{Alias, Plan, note};
use super::sql::{Sql, Tree};
use super::world::{Kind, table};

impl<'a> Plan<'a> {
    pub(super) fn cursor(&self, page: &Page<'a>, ordered: &[Ordered], access: usize) -> Outcome<Tree> {
        let Some(cursor) = &page.cursor else { return Ok(Tree::Always) };
        let own = self.touch(page.model);
        self.access(own, |access| {
            access.joined = true;
            cursor.iter().for_each(|(field, _)| note(&mut access.equal, &field.db_name));
        });
        // The first column of the order bounds the rows that can follow.
        if let Some(By::Column { field, hops, .. }) = page.orders.first().map(|order| &order.by)
            && hops.is_empty()
        {
            self.access(access, |access| {
                let list = if page.orders.len() == 1 { &mut access.range } else { &mut access.other };
                note(list, &field.db_name);
            });
        }
        let found = || {
            let columns = cursor.iter().map(|(field, _)| Alias::Table.column(page.model, field));
            let values = cursor.iter().map(|(field, path)| self.value(page.model, field, path, false));
            let joins = ordered.iter().flat_map(|one| one.joins.iter().map(|(_, join)| join.clone()));
            Sql::text(format!(" FROM {}", table(page.model)))
                .s(super::condition::joined(joins.collect()))
                .t(" WHERE ")
                .s(row(columns.collect()))
                .t(" = ")
                .s(row(values.collect()))
        };
        let value = |column: &Sql| Sql::text("(SELECT ").s(column.clone()).s(found()).t(")");
        let reverse = page.take.reversed();
        let parts: Vec<Part<'_, 'a>> =
            page.orders.iter().zip(ordered).map(|(order, ordered)| Part::new(self, order, ordered)).collect();
        let compare = |part: &Part<'_, 'a>, equal: bool| {
            let word = match (part.order.descending != reverse, equal) {
                (false, true) => " >= ",
                (false, false) => " > ",
                (true, true) => " <= ",
                (true, false) => " < ",
            };
            let mut tree = Tree::One(part.column.clone().t(word).s(value(&part.column)));
            if part.nullable {
                tree = tree
                    .or(Tree::One(part.column.clone().t(" IS NULL")))
                    .or(Tree::One(value(&part.column).t(" IS NULL")));
            }
            for key in &part.keys {
                // The comparison is one expression; what is added to it stands beside it.
                tree = match tree {
                    Tree::Or(_) if part.nullable => {
                        Tree::Or(vec![tree, Tree::One(key.clone().t(" IS NULL"))])
                    }
                    tree => tree.or(Tree::One(key.clone().t(" IS NULL"))),
                };
            }
            tree
        };
        let same = |part: &Part<'_, 'a>| {
            let tree = Tree::One(part.column.clone().t(" = ").s(value(&part.column)));
            if !part.nullable {
                return tree;
            }
            tree.or(Tree::One(value(&part.column).t(" IS NULL")))
                .or(Tree::One(part.column.clone().t(" IS NULL")))
        };
        if let [part] = parts.as_slice() {
            return Ok(compare(part, true));
        }
        let mut any = Vec::new();
        for length in (1..=parts.len()).rev() {
            let mut all: Vec<Tree> = parts[..length - 1].iter().map(same).collect();
            all.push(compare(&parts[length - 1], length == parts.len()));
            any.push(Tree::And(all));
        }
        Ok(Tree::Or(any))
    }
}

/// One column of the order, as it is compared.
struct Part<'p, 'a> {
    order: &'p Order<'a>,
    column: Sql,
    nullable: bool,
    /// Foreign keys of the last relation on the way, where they may be null.
    keys: Vec<Sql>,
}

impl<'p, 'a> Part<'p, 'a> {
    fn new(plan: &Plan<'a>, order: &'p Order<'a>, ordered: &Ordered) -> Part<'p, 'a> {
        let (hops, nullable, column) = match &order.by {
            By::Column { field, hops, .. } => {
                (Some(hops), field.arity != Arity::Required, ordered.column.clone())
            }
            By::Count { hops } => {
                let zero = plan.free("0");
                (Some(hops), false, Sql::text("COALESCE(").s(ordered.column.clone()).t(", ").s(zero).t(")"))
            }
            _ => (None, false, ordered.column.clone()),
        };
        let mut keys = Vec::new();
        if let Some(hops) = hops
            && let Some(last) = hops.last()
            && last.kind == Kind::Here
        {
            let before = ordered.joins.len().checked_sub(2).and_then(|at| ordered.joins.get(at));
            let alias = match before {
                Some((name, _)) if hops.len() > 1 => Alias::Named(name.clone()),
                _ => Alias::Table,
            };
            let fields = last.own_fields().unwrap_or_default();
            let optional = fields.into_iter().filter(|field| field.arity != Arity::Required);
            keys = optional.map(|field| alias.column(last.model, field)).collect();
        }
        Part { order, column, nullable, keys }
    }
}
