//! `count`, `aggregate` and `groupBy`.

use std::sync::Arc;

use pgsteward_model::code::{Operation, Purpose, StatementKind};
use pgsteward_model::prisma::{Field, FieldType, Model};

use super::argument::Argument;
use super::column::money;
use super::column::selected;
use super::condition::Scope;
use super::page::{self, Page};
use super::plan::{Alias, Plan, note};
use super::sql::{Sql, quoted};
use super::world::World;
use super::{Outcome, filter, refuse};

/// One function over some fields; `COUNT` may count rows too.
struct Aggregated<'a> {
    name: &'static str,
    function: &'static str,
    all: bool,
    fields: Vec<&'a Field>,
}

pub(super) fn lower<'a>(
    plan: &Plan<'a>,
    model: &'a Model,
    operation: Operation,
    argument: &Argument,
) -> Outcome<()> {
    if operation == Operation::GroupBy {
        return group_by(plan, model, argument);
    }
    let functions = match operation {
        Operation::Count => vec![count(model, argument.get("select"))?],
        _ => functions(model, argument)?,
    };
    let page = Page::parse(plan.world, model, argument, "")?;
    let mut columns: Vec<&Field> = Vec::new();
    for one in &functions {
        let fields = if one.function == "COUNT" && one.fields.is_empty() {
            World::identifier(model)?
        } else {
            one.fields.clone()
        };
        for field in fields {
            if !columns.iter().any(|other| std::ptr::eq(*other, field)) {
                columns.push(field);
            }
        }
    }
    let access = plan.touch(model);
    plan.access(access, |access| {
        access.aggregates = true;
        columns.iter().for_each(|field| note(Arc::make_mut(&mut access.columns), &field.db_name));
    });
    let mut list: Vec<Sql> = columns.iter().map(|field| Alias::Table.column(model, field)).collect();
    let (body, distinct, _) = plan.body(&page, &[], None, access, Sql::default(), &mut list)?;
    let inner = Sql::text("SELECT ").s(distinct).s(Sql::join(list, ", ")).s(body);
    let values = functions.iter().flat_map(|one| one.values(|field| Sql::text(quoted(&field.db_name))));
    let sql = Sql::text("SELECT ").s(Sql::join(values, ", ")).t(" FROM (").s(inner).t(") AS \"sub\"");
    plan.send(sql, StatementKind::Select, Purpose::Main);
    Ok(())
}

impl<'a> Aggregated<'a> {
    fn values(&self, column: impl Fn(&Field) -> Sql) -> Vec<Sql> {
        let mut all = Vec::new();
        for field in &self.fields {
            let cast = match &field.ty {
                _ if !matches!(self.function, "MIN" | "MAX") => "",
                FieldType::Enum(_) => "::text",
                _ if money(field) => "::numeric",
                _ => "",
            };
            let name = format!("{}${}", self.name, field.db_name);
            let value = Sql::text(format!("{}(", self.function)).s(column(field));
            all.push(value.t(&format!("){cast} AS {}", quoted(&name))));
        }
        if self.all {
            all.push(Sql::text(format!("COUNT(*) AS {}", quoted(&format!("{}$_all", self.name)))));
        }
        all
    }
}

fn count<'a>(model: &'a Model, select: Option<&Argument>) -> Outcome<Aggregated<'a>> {
    let mut counted = Aggregated { name: "_count", function: "COUNT", all: false, fields: Vec::new() };
    match select {
        None | Some(Argument::Bool(true)) => counted.all = true,
        Some(select) => {
            for (name, value) in select.known("select")? {
                match (name.as_str(), value) {
                    (_, Argument::Bool(false)) => {}
                    ("_all", _) => counted.all = true,
                    (name, _) => counted
                        .fields
                        .push(model.field(name).ok_or_else(|| refuse("a field that the model lacks"))?),
                }
            }
        }
    }
    Ok(counted)
}

fn functions<'a>(model: &'a Model, argument: &Argument) -> Outcome<Vec<Aggregated<'a>>> {
    let mut all = Vec::new();
    for (name, value) in argument.known("the argument")? {
        let (name, function) = match name.as_str() {
            "_count" => {
                all.push(count(model, Some(value))?);
                continue;
            }
            "_avg" => ("_avg", "AVG"),
            "_sum" => ("_sum", "SUM"),
            "_min" => ("_min", "MIN"),
            "_max" => ("_max", "MAX"),
            _ => continue,
        };
        let mut fields = Vec::new();
        for (field, value) in value.known(name)? {
            if *value != Argument::Bool(false) {
                fields.push(model.field(field).ok_or_else(|| refuse("a field that the model lacks"))?);
            }
        }
        all.push(Aggregated { name, function, all: false, fields });
    }
    Ok(all)
}

fn group_by<'a>(plan: &Plan<'a>, model: &'a Model, argument: &Argument) -> Outcome<()> {
    let by = argument.get("by").ok_or_else(|| refuse("by is not written at the call"))?;
    let by = page::fields(model, by, "by")?;
    let functions = functions(model, argument)?;
    let page = Page::parse(plan.world, model, argument, "")?;
    let access = plan.touch(model);
    plan.access(access, |access| {
        access.aggregates = true;
        let used = by.iter().chain(functions.iter().flat_map(|one| &one.fields));
        used.for_each(|field| note(Arc::make_mut(&mut access.columns), &field.db_name));
    });
    let having = match argument.get("having") {
        Some(having) => Some(filter::parse(plan.world, model, having, "having")?),
        None => None,
    };
    let mut list: Vec<Sql> =
        functions.iter().flat_map(|one| one.values(|field| Alias::Table.column(model, field))).collect();
    list.extend(by.iter().map(|field| selected(&Alias::Table, model, field)));
    let columns = by.iter().map(|field| Alias::Table.column(model, field));
    let group = Sql::text(" GROUP BY ").s(Sql::join(columns, ", "));
    let group = match having {
        Some(having) => {
            let scope = Scope::top(usize::MAX, false);
            let (tree, _) = plan.condition(&having, &scope)?;
            group.t(" HAVING ").s(tree.sql())
        }
        None => group,
    };
    let (body, _, _) = plan.body(&page, &[], None, access, group, &mut list)?;
    plan.send(Sql::text("SELECT ").s(Sql::join(list, ", ")).s(body), StatementKind::Select, Purpose::Main);
    Ok(())
}
