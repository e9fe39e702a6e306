//! The writes of a call: `create`, `update`, `upsert`, `delete` and their forms for many rows.

use pgsteward_model::code::{InMemory, Operation, Purpose};
use pgsteward_model::prisma::{Field, Model};

use super::argument::Argument;
use super::data::Data;
use super::filter::{self, Filter};
use super::find::read_one;
use super::page::Page;
use super::plan::Plan;
use super::select::Selection;
use super::update::Found;
use super::world::compound_key;
use super::{Outcome, refuse};

pub(super) fn lower<'a>(
    plan: &Plan<'a>,
    model: &'a Model,
    operation: Operation,
    argument: &Argument,
) -> Outcome<()> {
    let transaction = match operation {
        Operation::Create => create(plan, model, argument).map(|()| true)?,
        Operation::CreateMany => create_many(plan, model, argument, false).map(|()| true)?,
        Operation::CreateManyAndReturn => create_many(plan, model, argument, true).map(|()| true)?,
        Operation::Update => update(plan, model, argument)?,
        Operation::UpdateMany => update_many(plan, model, argument, false).map(|()| true)?,
        Operation::UpdateManyAndReturn => update_many(plan, model, argument, true).map(|()| true)?,
        Operation::Upsert => upsert(plan, model, argument).map(|()| true)?,
        Operation::Delete => delete(plan, model, argument).map(|()| true)?,
        _ => delete_many(plan, model, argument).map(|()| true)?,
    };
    if transaction {
        plan.wrap();
    }
    Ok(())
}

fn delete_many<'a>(plan: &Plan<'a>, model: &'a Model, argument: &Argument) -> Outcome<()> {
    let filter = many_filter(plan, model, argument)?;
    let limit = argument.get("limit");
    if !plan.emulates() {
        return plan.delete(model, &filter, Found::Filter, limit, &[], Purpose::Main);
    }
    // Made first, which decides the aliases, and sent last.
    plan.delete(model, &filter, Found::ManyByKey, limit, &[], Purpose::Main)?;
    let delete = plan.withdraw();
    plan.read_keys(model, &filter, false)?;
    plan.emulate_delete(model, true)?;
    plan.resend(delete);
    if let Some(limit) = limit {
        let path = String::new();
        plan.remember(InMemory::Page { path, take: limit.integer(), skip: None });
    }
    Ok(())
}

fn required<'s>(argument: &'s Argument, name: &str) -> Outcome<&'s Argument> {
    argument.get(name).ok_or_else(|| refuse(format!("{name} is not written at the call")))
}

fn many_filter<'a>(plan: &Plan<'a>, model: &'a Model, argument: &Argument) -> Outcome<Filter<'a>> {
    match argument.get("where") {
        Some(filter) => filter::parse(plan.world, model, filter, "where"),
        None => Ok(Filter::Empty),
    }
}

fn create<'a>(plan: &Plan<'a>, model: &'a Model, argument: &Argument) -> Outcome<()> {
    let empty = Argument::Object(Vec::new());
    let data = Data::parse(plan.world, model, argument.get("data").unwrap_or(&empty), "data")?;
    let selection = Selection::parse(plan.world, model, argument, "")?;
    if data.nested.is_empty() && selection.plain() {
        plan.insert(model, &data, &[], &selection.scalars, Purpose::Main);
        return Ok(());
    }
    plan.create_record(model, &data, &[], "", Purpose::Main)?;
    read_one(plan, model, argument, super::update::key(model)?)
}

fn create_many<'a>(plan: &Plan<'a>, model: &'a Model, argument: &Argument, returning: bool) -> Outcome<()> {
    let rows = required(argument, "data")?;
    if matches!(rows, Argument::Expression(_)) {
        return Err(refuse("data is not written at the call"));
    }
    let rows: Vec<Data<'a>> = rows
        .items()
        .iter()
        .enumerate()
        .map(|(at, row)| Data::parse(plan.world, model, row, &format!("data.{at}")))
        .collect::<Outcome<_>>()?;
    let skip = match argument.get("skipDuplicates") {
        None | Some(Argument::Bool(false)) => false,
        Some(Argument::Bool(true)) => true,
        Some(_) => return Err(refuse("skipDuplicates is not written at the call")),
    };
    if !returning {
        plan.insert_many(model, &rows, &[], skip, &[], Purpose::Main);
        return Ok(());
    }
    let mut selection = Selection::parse(plan.world, model, argument, "")?;
    selection.link()?;
    plan.insert_many(model, &rows, &[], skip, &selection.columns, Purpose::Main);
    plan.include(&selection.nested, false)
}

/// True where Prisma wraps the statements into a transaction, should they be several.
fn update<'a>(plan: &Plan<'a>, model: &'a Model, argument: &Argument) -> Outcome<bool> {
    let filter = filter::parse_unique(plan.world, model, required(argument, "where")?, "where")?;
    let data = Data::parse(plan.world, model, required(argument, "data")?, "data")?;
    let selection = Selection::parse(plan.world, model, argument, "")?;
    let mut found = Found::Filter;
    plan.check_emulated(model, &data)?;
    if plan.emulates() {
        found = Found::OneByKey;
    }
    let alone = data.nested.is_empty() && selection.plain();
    let read = || if alone { Ok(()) } else { read_one(plan, model, argument, super::update::key(model)?) };
    plan.update_record(model, &filter, found, &data, &selection.scalars, "", Purpose::Main, read)?;
    if plan.emulates() {
        plan.made_last(0, || plan.read_keys(model, &filter, true))?;
    }
    Ok(!alone)
}

fn update_many<'a>(plan: &Plan<'a>, model: &'a Model, argument: &Argument, returning: bool) -> Outcome<()> {
    let filter = many_filter(plan, model, argument)?;
    let data = Data::parse(plan.world, model, required(argument, "data")?, "data")?;
    let set = plan.set(model, &data.columns, &[]);
    if set.is_empty() {
        return read_unchanged(plan, model, argument, &filter, returning);
    }
    let limit = argument.get("limit");
    plan.check_emulated(model, &data)?;
    let (found, filter, limit) = if plan.emulates() {
        plan.read_keys(model, &filter, false)?;
        // The rows are counted after they were read.
        if let Some(limit) = limit {
            let path = String::new();
            plan.remember(InMemory::Page { path, take: limit.integer(), skip: None });
        }
        (Found::ManyByKey, Filter::Empty, None)
    } else {
        (Found::Filter, filter, limit)
    };
    if !returning {
        return plan.update(model, &set, &filter, found, limit, &[], Purpose::Main);
    }
    let mut selection = Selection::parse(plan.world, model, argument, "")?;
    selection.link()?;
    plan.update(model, &set, &filter, found, limit, &selection.columns, Purpose::Main)?;
    plan.include(&selection.nested, false)
}

/// Rows of which nothing is set are read, all of them: a limit says nothing here.
fn read_unchanged<'a>(
    plan: &Plan<'a>,
    model: &'a Model,
    argument: &Argument,
    filter: &Filter<'a>,
    returning: bool,
) -> Outcome<()> {
    let again = Filter::And(vec![Filter::Empty, super::update::keys(model)?]);
    let filter = if plan.emulates() {
        plan.read_keys(model, filter, false)?;
        &again
    } else {
        filter
    };
    if !returning {
        return plan.read_keys(model, filter, false);
    }
    let mut selection = Selection::parse(plan.world, model, argument, "")?;
    selection.link()?;
    let mut page = Page::new(model, "");
    page.filter = Some(filter.clone());
    plan.read(&page, &selection, None, Purpose::Main)?;
    plan.include(&selection.nested, false)
}

fn delete<'a>(plan: &Plan<'a>, model: &'a Model, argument: &Argument) -> Outcome<()> {
    let filter = filter::parse_unique(plan.world, model, required(argument, "where")?, "where")?;
    let selection = Selection::parse(plan.world, model, argument, "")?;
    if selection.plain() {
        plan.delete(model, &filter, Found::Filter, None, &selection.scalars, Purpose::Main)?;
        return if plan.emulates() { plan.emulate_delete(model, false) } else { Ok(()) };
    }
    // Made first, which decides the aliases, and sent last.
    plan.delete(model, &filter, Found::Filter, None, &[], Purpose::Main)?;
    let delete = plan.withdraw();
    read_one(plan, model, argument, filter)?;
    if plan.emulates() {
        plan.emulate_delete(model, false)?;
    }
    plan.resend(delete);
    Ok(())
}

fn upsert<'a>(plan: &Plan<'a>, model: &'a Model, argument: &Argument) -> Outcome<()> {
    let condition = required(argument, "where")?;
    let (create, update) = (required(argument, "create")?, required(argument, "update")?);
    let filter = filter::parse_unique(plan.world, model, condition, "where")?;
    let created = Data::parse(plan.world, model, create, "create")?;
    let updated = Data::parse(plan.world, model, update, "update")?;
    let selection = Selection::parse(plan.world, model, argument, "")?;
    let plain = created.nested.is_empty() && updated.nested.is_empty() && selection.plain();
    plan.check_emulated(model, &updated)?;
    if plain
        && !plan.emulates()
        && !updated.columns.is_empty()
        && let Some(key) = native_key(model, condition, create)?
    {
        let set = plan.set(model, &updated.columns, &[]);
        return plan.native_upsert(model, &created, &set, &key, &filter, &selection.scalars);
    }
    let read = || read_one(plan, model, argument, super::update::key(model)?);
    let (found, returning) = (Found::OneByKey, &selection.scalars);
    plan.update_record(model, &filter, found, &updated, returning, "", Purpose::Main, read)?;
    plan.create_record(model, &created, &[], "", Purpose::Main)?;
    read()?;
    plan.made_last(0, || plan.read_keys(model, &filter, false))
}

/// The key that an upsert in one statement may name: the only unique key of `where`, with the values of `create`.
fn native_key<'a>(
    model: &'a Model,
    condition: &Argument,
    create: &Argument,
) -> Outcome<Option<Vec<&'a Field>>> {
    let mut keys = Vec::new();
    for (name, value) in condition.known("where")? {
        if !same(name, value, create) {
            return Ok(None);
        }
        match model.field(name) {
            Some(field) if field.is_id || field.is_unique => keys.push(vec![field]),
            Some(_) => {}
            None => keys.extend(compound_key(model, name)),
        }
    }
    // Of a compound key, Prisma names the columns alone that are unique by themselves, where there are any.
    let key = if keys.len() == 1 { keys.pop() } else { None };
    Ok(key.map(|key| {
        let single: Vec<&Field> =
            key.iter().copied().filter(|field| field.is_id || field.is_unique).collect();
        if single.is_empty() { key } else { single }
    }))
}

fn same(name: &str, value: &Argument, create: &Argument) -> bool {
    match value {
        Argument::Object(inner) => inner.iter().all(|(name, value)| same(name, value, create)),
        value => create.get(name) == Some(value),
    }
}
