//! A `timestamp` that does not say which clock it was read from.

use pgsteward_model::catalog::{Column, Table};
use pgsteward_model::change::{Change, Fix, PrismaEdit, Rollback, Safety, Step};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::prisma::{FieldType, Scalar};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_sql::{quote_ident, quote_name};

use super::shared;
use crate::shared::model_of;

pub(super) static RULE: Rule = Rule {
    id: "timestamp-without-time-zone",
    group: Group::Schema,
    severity: Severity::Warning,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &[
        "squawk:prefer-timestamp-tz",
        "schemalint:prefer-timestamptz-to-timestamp",
        "pg-index-health:columns_with_timestamp_or_timetz_type",
    ],
    page: include_str!("timestamp_without_time_zone.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    shared::columns(facts)
        .filter(|(_, column)| column.ty.is("timestamp without time zone"))
        .map(|(table, column)| finding(facts, table, column))
        .collect()
}

fn finding(facts: &Facts, table: &Table, column: &Column) -> Finding {
    let name = shared::column_name(table, column);
    let field = model_of(facts, &table.name).and_then(|model| model.field_of_column(&column.name));
    let by_default =
        field.is_some_and(|field| field.ty == FieldType::Scalar(Scalar::DateTime) && field.native.is_none());
    let found = shared::on_column(
        &RULE,
        facts,
        table,
        column,
        format!("\"{name}\" is a timestamp without time zone"),
    );
    let found = if by_default {
        // The client writes and reads UTC, so the value is a moment as long as nothing else touches it.
        found.severity(Severity::Info).detail(
            "It is Prisma's default for DateTime. Prisma Client writes UTC into it, but now(), raw SQL, psql and every \
             other program write and read the session's local time, hours apart from the client's values.",
        )
    } else {
        found.detail(
            "The value is a wall clock reading without a place: now() stores the session's local time, and two sessions \
             with different TimeZone settings read the same value as different moments.",
        )
    };
    let found = found.hint(
        "use timestamptz (@db.Timestamptz in Prisma); where all values are UTC, `SET LOCAL TimeZone = 'UTC'` before \
         `ALTER COLUMN … TYPE timestamptz`, without USING and without a precision, spares the rewrite",
    );
    match fix(facts, table, column) {
        Some(fix) => found.fix(fix),
        None => found,
    }
}

fn fix(facts: &Facts, table: &Table, column: &Column) -> Option<Fix> {
    if !shared::type_may_change(facts, table, &column.name) {
        return None;
    }
    let precision = column.ty.modifiers.first().map(|digits| format!("({digits})")).unwrap_or_default();
    let quoted = quote_ident(&column.name);
    let relation = quote_name(&table.name);
    let retype = |ty: &str| {
        Step::sql(format!(
            "ALTER TABLE {relation} ALTER COLUMN {quoted} TYPE {ty} USING {quoted} AT TIME ZONE 'UTC'"
        ))
    };
    let mut steps = vec![retype(&format!("timestamptz{precision}"))];
    let model = model_of(facts, &table.name);
    if let Some((model, field)) = model.and_then(|model| Some((model, model.field_of_column(&column.name)?)))
    {
        steps.push(Step::Prisma(PrismaEdit::SetFieldAttribute {
            model: model.name.clone(),
            field: field.name.clone(),
            attribute: format!("@db.Timestamptz{precision}"),
        }));
    }
    Some(Fix {
        title: format!(
            "make \"{}\" timestamptz, reading its values as UTC",
            shared::column_name(table, column)
        ),
        // Whether the values are UTC is a question about the programs that wrote them.
        safety: Safety::Manual,
        change: Change { steps, rollback: Rollback::Steps(vec![retype(&format!("timestamp{precision}"))]) },
    })
}
