//! A `json` column: text that is parsed again by each query.

use pgsteward_model::catalog::{Column, Table};
use pgsteward_model::change::{Change, Fix, PrismaEdit, Rollback, Safety, Step};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_sql::{quote_ident, quote_name};

use super::shared;
use crate::shared::model_of;

pub(super) static RULE: Rule = Rule {
    id: "json-instead-of-jsonb",
    group: Group::Schema,
    severity: Severity::Warning,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &[
        "schemalint:prefer-jsonb-to-json",
        "strong_migrations:add_column_json",
        "eugene:E3",
        "pg-index-health:columns_with_json_type",
    ],
    page: include_str!("json_instead_of_jsonb.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    shared::columns(facts)
        .filter(|(_, column)| column.ty.is("json"))
        .map(|(table, column)| {
            let name = shared::column_name(table, column);
            let found =
                shared::on_column(&RULE, facts, table, column, format!("\"{name}\" is json instead of jsonb"))
                    .detail(
                        "json is kept as text and parsed again by each query. It has no equality, so SELECT DISTINCT, \
                         GROUP BY and UNION on the row fail, and no GIN index.",
                    )
                    .hint("use jsonb unless white space, key order or duplicate keys must come back unchanged");
            match fix(facts, table, column) {
                Some(fix) => found.fix(fix),
                None => found,
            }
        })
        .collect()
}

fn fix(facts: &Facts, table: &Table, column: &Column) -> Option<Fix> {
    if !shared::type_may_change(facts, table, &column.name) || column.generated.is_some() {
        return None;
    }
    let quoted = quote_ident(&column.name);
    // The default is an expression of the old type: it goes and comes back in the same statement.
    let retype = |ty: &str, default: Option<String>| {
        let mut sql = format!("ALTER TABLE {} ", quote_name(&table.name));
        if default.is_some() {
            sql.push_str(&format!("ALTER COLUMN {quoted} DROP DEFAULT, "));
        }
        sql.push_str(&format!("ALTER COLUMN {quoted} TYPE {ty} USING {quoted}::{ty}"));
        if let Some(default) = default {
            sql.push_str(&format!(", ALTER COLUMN {quoted} SET DEFAULT {default}"));
        }
        Step::sql(sql)
    };
    let default = column.default.as_ref().map(|default| match default.strip_suffix("::json") {
        Some(literal) => format!("{literal}::jsonb"),
        None => format!("({default})::jsonb"),
    });
    let mut steps = vec![retype("jsonb", default)];
    let model = model_of(facts, &table.name);
    if let Some((model, field)) = model.and_then(|model| Some((model, model.field_of_column(&column.name)?)))
    {
        steps.push(Step::Prisma(PrismaEdit::SetFieldAttribute {
            model: model.name.clone(),
            field: field.name.clone(),
            attribute: "@db.JsonB".into(),
        }));
    }
    Some(Fix {
        title: format!("make \"{}\" jsonb", shared::column_name(table, column)),
        safety: Safety::Manual,
        change: Change { steps, rollback: Rollback::Steps(vec![retype("json", column.default.clone())]) },
    })
}
