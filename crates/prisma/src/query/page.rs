//! `take`, `skip`, `cursor`, `distinct`, `orderBy` and `where` of a read, and which of them Prisma does in memory.

use pgsteward_model::code::InMemory;
use pgsteward_model::prisma::{Arity, Field, Model};

use super::argument::Argument;
use super::filter::{self, Filter};
use super::order::{self, By, Order};
use super::world::{Kind, World, compound_key, unique_among};
use super::{Outcome, refuse};

#[derive(Clone, Debug)]
pub(super) struct Page<'a> {
    pub(super) model: &'a Model,
    pub(super) filter: Option<Filter<'a>>,
    pub(super) orders: Vec<Order<'a>>,
    pub(super) take: Take,
    pub(super) skip: Option<Skip>,
    /// Fields of the cursor and the paths of their values.
    pub(super) cursor: Option<Vec<(&'a Field, String)>>,
    pub(super) distinct: Vec<&'a Field>,
    /// Done in memory: no `LIMIT`, no offset.
    pub(super) ignored: bool,
    pub(super) path: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Take {
    All,
    /// A read of one row; true from the end.
    One(bool),
    Known(i64),
    /// Known when the program runs; taken to be positive.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skip {
    Known(i64),
    Unknown,
}

impl Take {
    pub(super) fn reversed(self) -> bool {
        match self {
            Take::One(reversed) => reversed,
            Take::Known(count) => count < 0,
            Take::All | Take::Unknown => false,
        }
    }

    /// Given at the call, other than by asking for one row.
    fn some(self) -> bool {
        matches!(self, Take::Known(_) | Take::Unknown)
    }

    pub(super) fn number(self) -> Option<i64> {
        match self {
            Take::One(_) => Some(1),
            Take::Known(count) => Some(count.abs()),
            Take::All | Take::Unknown => None,
        }
    }
}

impl<'a> Page<'a> {
    pub(super) fn new(model: &'a Model, path: &str) -> Page<'a> {
        Page {
            model,
            filter: None,
            orders: Vec::new(),
            take: Take::All,
            skip: None,
            cursor: None,
            distinct: Vec::new(),
            ignored: false,
            path: path.to_owned(),
        }
    }

    /// Reads the arguments of a call or of a relation.
    pub(super) fn parse(
        world: &World<'a>,
        model: &'a Model,
        argument: &Argument,
        path: &str,
    ) -> Outcome<Page<'a>> {
        let mut page = Page::new(model, path);
        let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        for (name, value) in argument.known("the argument")? {
            let path = below(name);
            match name.as_str() {
                "where" => page.filter = Some(filter::parse(world, model, value, &path)?),
                "orderBy" => page.orders = order::parse(world, model, value, &path)?,
                "take" => page.take = value.integer().map_or(Take::Unknown, Take::Known),
                "skip" => page.skip = Some(value.integer().map_or(Skip::Unknown, Skip::Known)),
                "cursor" => page.cursor = Some(cursor(model, value, &path)?),
                "distinct" => page.distinct = fields(model, value, "distinct")?,
                _ => {}
            }
        }
        page.order_by_key()?;
        Ok(page)
    }

    /// Pages need an order; without one Prisma takes the key's.
    fn order_by_key(&mut self) -> Outcome<()> {
        let skips = !matches!(self.skip, None | Some(Skip::Known(0)));
        let paged = skips || self.cursor.is_some() || self.take != Take::All;
        if paged && self.orders.is_empty() {
            let model = self.model;
            self.orders = World::identifier(model)?
                .into_iter()
                .map(|field| Order {
                    by: By::Column { model, field, hops: Vec::new() },
                    descending: false,
                    nulls_first: None,
                })
                .collect();
        }
        Ok(())
    }

    pub(super) fn paged(&self) -> bool {
        self.take.some() || self.skip.is_some() || self.cursor.is_some()
    }

    /// What `distinct` needs Prisma to do with the rows of a statement of its own.
    fn distinct_in_memory(&self, world: &World<'_>) -> bool {
        let native = world.features.has("nativeDistinct") && self.orders.is_empty();
        !self.distinct.is_empty() && !native
    }

    fn in_memory(&self, world: &World<'_>) -> bool {
        let nullable = |order: &Order<'_>| match &order.by {
            By::Column { field, .. } => field.arity != Arity::Required,
            _ => false,
        };
        let cursor = self.cursor.is_some() && (!self.stable() || self.orders.iter().any(nullable));
        cursor || self.distinct_in_memory(world)
    }

    /// The order leaves no two rows equal.
    fn stable(&self) -> bool {
        if self.orders.is_empty() {
            return true;
        }
        let columns = || {
            self.orders.iter().filter_map(|order| match &order.by {
                By::Column { model, field, hops } => Some((*model, *field, hops)),
                _ => None,
            })
        };
        if columns().any(|(_, _, hops)| hops.iter().any(|hop| hop.field.arity == Arity::Optional)) {
            return false;
        }
        let own: Vec<&str> = columns()
            .filter(|(_, _, hops)| hops.is_empty())
            .map(|(_, field, _)| field.name.as_str())
            .collect();
        let one_to_one = columns().any(|(model, field, hops)| {
            !hops.is_empty()
                && unique_among(model, &[field.name.as_str()])
                && hops.iter().all(|hop| {
                    !matches!(hop.kind, Kind::Many { .. }) && !hop.list() && hop.back.arity != Arity::List
                })
        });
        // Prisma does not count a compound primary key here, though it is unique.
        let single = own.iter().any(|name| unique_among(self.model, &[name]));
        let compound = self.model.uniques.iter().filter(|key| !key.on_field).any(|key| {
            key.predicate.is_none() && key.fields.iter().all(|part| own.contains(&part.field.as_str()))
        });
        single || compound || one_to_one
    }

    /// What is left to do in memory for the rows of a call. Takes it out of the statement.
    pub(super) fn steps(&mut self, world: &World<'_>) -> Vec<InMemory> {
        let page = self.paged() && self.in_memory(world);
        let distinct = self.distinct_in_memory(world);
        self.split(page, distinct)
    }

    /// The same for a relation that is read by a statement of its own: for several parents at once no limit can be sent.
    pub(super) fn nested_steps(&mut self, world: &World<'_>, one_parent: bool) -> Vec<InMemory> {
        let page = self.paged() && (!one_parent || self.in_memory(world));
        let distinct = !self.distinct.is_empty() && (!one_parent || self.distinct_in_memory(world));
        self.split(page, distinct)
    }

    /// `DISTINCT ON` needs the order and its columns to begin alike.
    pub(super) fn distinct_joined(&self) -> bool {
        let leading = self.orders.iter().take_while(|order| match &order.by {
            By::Column { field, .. } => self.distinct.iter().any(|one| std::ptr::eq(*one, *field)),
            _ => false,
        });
        leading.count() == self.distinct.len().min(self.orders.len())
    }

    /// The page of rows of the join strategy is left to memory: behind a `distinct` that is left to it as well.
    pub(super) fn joined_page_in_memory(&self) -> bool {
        !self.distinct.is_empty() && !self.distinct_joined() && (self.take.some() || self.skip.is_some())
    }

    /// What is left to do in memory for rows of the join strategy.
    pub(super) fn joined_steps(&self) -> Vec<InMemory> {
        let distinct = !self.distinct.is_empty() && !self.distinct_joined();
        let mut steps = self.clone().split(self.joined_page_in_memory(), distinct);
        // Rows of the join strategy have the names that the client knows.
        for step in &mut steps {
            if let InMemory::Distinct { fields, .. } = step {
                *fields = self.distinct.iter().map(|field| field.name.clone()).collect();
            }
        }
        steps
    }

    fn split(&mut self, page: bool, distinct: bool) -> Vec<InMemory> {
        let path = || super::include::relation_path(&self.path);
        let mut steps = Vec::new();
        if distinct {
            let fields = self.distinct.iter().map(|field| field.db_name.clone()).collect();
            steps.push(InMemory::Distinct { path: path(), fields });
        }
        if page {
            if self.cursor.is_some() {
                steps.push(InMemory::Cursor { path: path() });
            }
            if self.take != Take::All || self.skip.is_some() {
                let skip = match self.skip {
                    Some(Skip::Known(count)) => Some(count),
                    _ => None,
                };
                steps.push(InMemory::Page { path: path(), take: self.take.number(), skip });
            }
        }
        if self.take.reversed() {
            steps.push(InMemory::Reverse { path: path() });
        }
        if distinct {
            self.distinct.clear();
        }
        self.ignored |= page;
        steps
    }
}

fn cursor<'a>(model: &'a Model, value: &Argument, path: &str) -> Outcome<Vec<(&'a Field, String)>> {
    let mut all = Vec::new();
    for (name, value) in value.known("cursor")? {
        match model.field(name) {
            Some(field) => all.push((field, format!("{path}.{name}"))),
            None => {
                let key = compound_key(model, name).ok_or_else(|| refuse("a field that the model lacks"))?;
                value.known("cursor")?;
                all.extend(key.into_iter().map(|field| (field, format!("{path}.{name}.{}", field.name))));
            }
        }
    }
    Ok(all)
}

/// The fields that a list of names stands for.
pub(super) fn fields<'a>(model: &'a Model, value: &Argument, what: &str) -> Outcome<Vec<&'a Field>> {
    value
        .items()
        .iter()
        .map(|item| {
            let name = item.text().ok_or_else(|| refuse(format!("{what} is not written at the call")))?;
            model.field(name).ok_or_else(|| refuse("a field that the model lacks"))
        })
        .collect()
}
