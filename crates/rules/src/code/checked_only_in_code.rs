//! A range, a format or a list of values that the code checks and the database does not.

mod conditions;
mod paths;

use std::collections::HashMap;

use conditions::condition;
use pgsteward_model::catalog::{Column, ConstraintKind, Table, TableKind};
use pgsteward_model::change::{Change, Fix, Safety};
use pgsteward_model::code::{Call, FieldCheck, Validation};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::prisma::Arity;
use pgsteward_model::rule::{Group, Rule};

use super::flow::Flow;
use super::shared as code;
use crate::schema::shared as schema;
use crate::shared::{self, words};

pub(super) static RULE: Rule = Rule {
    id: "checked-only-in-code",
    group: Group::Code,
    severity: Severity::Info,
    needs: &[Need::Code, Need::Prisma, Need::Catalog],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("checked_only_in_code.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let (Some(flow), Some(catalog)) = (Flow::of(facts), facts.catalog()) else { return Vec::new() };
    let models: Vec<Vec<String>> = match flow.schema {
        Some(schema) => schema.models.iter().map(|model| words(&model.name)).collect(),
        None => Vec::new(),
    };
    let mut by_field: HashMap<&str, Vec<(&Validation, Vec<String>)>> = HashMap::new();
    for validation in &flow.code.validations {
        by_field.entry(&validation.field).or_default().push((validation, words(&validation.schema)));
    }
    let mut findings = Vec::new();
    for table in catalog.user_tables().filter(|table| table.partition_of.is_none()) {
        let Some(model) = shared::model_of(facts, &table.name) else { continue };
        let own = words(&model.name);
        for column in &table.columns {
            let Some(field) = model.field_of_column(&column.name) else { continue };
            let of_field: Vec<&Validation> = by_field
                .get(field.name.as_str())
                .into_iter()
                .flatten()
                .filter(|(_, schema)| is_of(&models, &own, schema))
                .map(|(validation, _)| *validation)
                .collect();
            if field.arity != Arity::List && !of_field.is_empty() && !is_checked(table, column) {
                let found = judge(facts, table, column, &of_field);
                let past = || paths::past(&flow, model, field, &of_field);
                findings.extend(found.map(|found| match past() {
                    Some(call) => written_past(facts, found, call),
                    None => found,
                }));
            }
        }
    }
    findings
}

/// The name of the Zod schema holds the model's name, `createCouponInput` is of `Coupon`, and of no longer one. All by their
/// words.
fn is_of(models: &[Vec<String>], own: &[String], names: &[String]) -> bool {
    let holds = |name: &[String]| names.windows(name.len()).any(|window| window == name);
    // Nearly every name falls here, and what follows looks through all models.
    if own.is_empty() || !holds(own) {
        return false;
    }
    let query = names.iter().any(|word| {
        matches!(
            word.as_str(),
            "query"
                | "filter"
                | "filters"
                | "search"
                | "params"
                | "list"
                | "cursor"
                | "response"
                | "output"
                | "get"
                | "delete"
                | "remove"
                | "report"
        )
    });
    !query && !models.iter().any(|other| other.len() > own.len() && holds(other))
}

/// By a check, or by the rows that a foreign key points to.
fn is_checked(table: &Table, column: &Column) -> bool {
    table.constraints.iter().any(|constraint| match &constraint.kind {
        ConstraintKind::Check { expression, .. } => schema::mentions(expression, &column.name),
        ConstraintKind::ForeignKey(key) => key.columns.contains(&column.name),
        _ => false,
    })
}

fn judge(facts: &Facts, table: &Table, column: &Column, validations: &[&Validation]) -> Option<Finding> {
    // Two schemas that ask for different things: the code does not agree with itself.
    let conditions = conditions(column, validations.first()?);
    let agree = validations.iter().all(|validation| self::conditions(column, validation) == conditions);
    // How long a text may be is a form's matter: worth a word beside another condition, and not by itself.
    let says_more = validations[0].checks.iter().any(|check| {
        !matches!(check, FieldCheck::MinLength(_) | FieldCheck::MaxLength(_))
            && condition(column, check).is_some()
    });
    if !says_more || !agree {
        return None;
    }
    let expression = conditions.join(" AND ");
    let name = format!("{}.{}", table.name.display(), column.name);
    let validation = validations[0];
    let place = shared::column_place(facts, table, &column.name);
    let at = place.clone().with_file(None);
    let found = Finding::on_object(
        &RULE,
        pgsteward_model::place::Place { file: Some(shared::range(facts, &validation.at)), ..at },
        format!("\"{name}\" is checked by \"{}\" and not by the database", validation.schema),
    )
    .detail(
        "Imports, scripts, the console and the next service write past the code's check, and every reader relies on it.",
    )
    .hint(format!("add CHECK ({expression}); Prisma does not show it and leaves it alone"))
    .evidence(Evidence::Sql { sql: format!("CHECK ({expression})") })
    .also(place);
    match schema::constraint_name(table, &[&column.name], "_check") {
        Some(constraint) if table.kind == TableKind::Ordinary => {
            let (steps, rollback) = schema::add_check(table, &constraint, &expression);
            Some(found.fix(Fix {
                title: format!("check \"{name}\" in the database, too"),
                safety: Safety::Review,
                change: Change { steps, rollback },
            }))
        }
        _ => Some(found),
    }
}

/// Another place writes the column and does not make the check: a constraint may refuse what works today.
fn written_past(facts: &Facts, found: Finding, call: &Call) -> Finding {
    let hint = found.hint.clone();
    let name = code::call_name(call);
    let mut found = found
        .hint(format!("let \"{name}\" make the same check, or widen it, and then {hint}"))
        .also(code::call_place(facts, call));
    found.fix = None;
    found
}

/// SQL for what can be said in SQL.
fn conditions(column: &Column, validation: &Validation) -> Vec<String> {
    validation.checks.iter().filter_map(|check| condition(column, check)).collect()
}
