//! `findUnique`, `findFirst` and `findMany`.

use pgsteward_model::code::{Operation, Purpose};
use pgsteward_model::prisma::Model;

use super::argument::Argument;
use super::filter::{self, Filter};
use super::page::{Page, Take};
use super::plan::Plan;
use super::select::Selection;
use super::{Outcome, refuse};

pub(super) fn lower<'a>(
    plan: &Plan<'a>,
    model: &'a Model,
    operation: Operation,
    argument: &Argument,
) -> Outcome<()> {
    let unique = matches!(operation, Operation::FindUnique | Operation::FindUniqueOrThrow);
    let first = matches!(operation, Operation::FindFirst | Operation::FindFirstOrThrow);
    let mut page = if unique {
        unique_page(plan, model, argument)?
    } else {
        Page::parse(plan.world, model, argument, "")?
    };
    if page.take == Take::Known(0) {
        return Ok(());
    }
    if first {
        page.take = Take::One(page.take.reversed());
    }
    let mut selection = Selection::parse(plan.world, model, argument, "")?;
    if plan.joins(argument, &page, &selection)? {
        return plan.read_joined(&mut page, &mut selection, Purpose::Main);
    }
    page.distinct.iter().for_each(|field| selection.column(field));
    selection.link()?;
    if let Some(cursor) = &page.cursor {
        cursor.iter().for_each(|(field, _)| selection.column(field));
    }
    let steps = page.steps(plan.world);
    plan.read(&page, &selection, None, Purpose::Main)?;
    steps.into_iter().for_each(|step| plan.remember(step));
    // Only a unique key makes Prisma count on one parent.
    plan.include(&selection.nested, unique)
}

/// A page of the one row that a unique key names.
fn unique_page<'a>(plan: &Plan<'a>, model: &'a Model, argument: &Argument) -> Outcome<Page<'a>> {
    let filter = argument.get("where").ok_or_else(|| refuse("where is not written at the call"))?;
    let mut page = Page::new(model, "");
    page.filter = Some(filter::parse_unique(plan.world, model, filter, "where")?);
    page.take = Take::One(false);
    Ok(page)
}

/// Reads the row that a write returns, with what the call selects of it.
pub(super) fn read_one<'a>(
    plan: &Plan<'a>,
    model: &'a Model,
    argument: &Argument,
    filter: Filter<'a>,
) -> Outcome<()> {
    let mut page = Page::new(model, "");
    page.filter = Some(filter);
    page.take = Take::One(false);
    let mut selection = Selection::parse(plan.world, model, argument, "")?;
    if plan.joins(argument, &page, &selection)? {
        return plan.read_joined(&mut page, &mut selection, Purpose::ReadBack);
    }
    selection.link()?;
    plan.read(&page, &selection, None, Purpose::ReadBack)?;
    plan.include(&selection.nested, true)
}
