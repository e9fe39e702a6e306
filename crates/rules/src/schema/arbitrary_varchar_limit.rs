//! A `varchar(n)` whose length comes from another database's limits.

use pgsteward_model::catalog::{Column, Table};
use pgsteward_model::change::{Change, Fix, PrismaEdit, Rollback, Safety, Step};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_sql::{quote_ident, quote_name};

use super::shared;
use crate::shared::model_of;

pub(super) static RULE: Rule = Rule {
    id: "arbitrary-varchar-limit",
    group: Group::Schema,
    severity: Severity::Info,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &[
        "squawk:prefer-text-field",
        "schemalint:prefer-text-to-varchar",
        "pg-index-health:columns_with_fixed_length_varchar",
    ],
    page: include_str!("arbitrary_varchar_limit.md"),
    check,
};

/// Lengths that say nothing about the value: MySQL's index limit with utf8mb4 (191), one length byte (255,
/// 256), Oracle's longest VARCHAR2 (4000), two length bytes (65535).
const BORROWED: &[i32] = &[191, 255, 256, 4000, 65535];

fn check(facts: &Facts) -> Vec<Finding> {
    shared::columns(facts)
        .filter_map(|(table, column)| {
            let length = *column.ty.modifiers.first()?;
            if !column.ty.is("character varying") || !BORROWED.contains(&length) {
                return None;
            }
            let name = shared::column_name(table, column);
            let found = shared::on_column(
                &RULE,
                facts,
                table,
                column,
                format!("\"{name}\" is cut off at {length} characters, another database's limit"),
            )
            .detail(format!(
                "PostgreSQL stores varchar({length}) and text in the same way. The limit saves nothing; it only turns a \
                 long value into an error, and making it shorter later rewrites the table."
            ))
            .hint("use text, or a CHECK on char_length with the length that the value really has");
            Some(match fix(facts, table, column) {
                Some(fix) => found.fix(fix),
                None => found,
            })
        })
        .collect()
}

fn fix(facts: &Facts, table: &Table, column: &Column) -> Option<Fix> {
    // A primary key's type is repeated in whatever refers to it outside the database.
    let in_key = table.primary_key().is_some_and(|(_, columns)| columns.contains(&column.name));
    if in_key || !shared::type_may_change(facts, table, &column.name) {
        return None;
    }
    let retype = |ty: &str| {
        Step::sql(format!(
            "ALTER TABLE {} ALTER COLUMN {} TYPE {ty}",
            quote_name(&table.name),
            quote_ident(&column.name)
        ))
    };
    let mut steps = vec![retype("text")];
    let model = model_of(facts, &table.name);
    if let Some((model, field)) = model.and_then(|model| Some((model, model.field_of_column(&column.name)?)))
    {
        steps.push(Step::Prisma(PrismaEdit::SetFieldAttribute {
            model: model.name.clone(),
            field: field.name.clone(),
            attribute: "@db.Text".into(),
        }));
    }
    Some(Fix {
        title: format!("make \"{}\" text", shared::column_name(table, column)),
        // Going there is a change of the catalog only; the way back rewrites the table and fails on longer values.
        safety: Safety::Manual,
        change: Change { steps, rollback: Rollback::Steps(vec![retype(&column.ty.to_string())]) },
    })
}
