//! A relation that the client keeps (`relationMode = "prisma"`) whose columns lead no index.

use pgsteward_model::catalog::Table;
use pgsteward_model::change::{Change, Fix, Safety};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::place::Place;
use pgsteward_model::prisma::{Field, Model, Relation};
use pgsteward_model::rule::{Group, Rule};

use super::shared as index;
use crate::shared;

pub(super) static RULE: Rule = Rule {
    id: "relation-without-index",
    group: Group::Index,
    severity: Severity::Warning,
    needs: &[Need::Prisma, Need::Catalog],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &["prisma-lint:require-field-index"],
    page: include_str!("relation_without_index.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let (Some(schema), Some(catalog)) = (&facts.prisma, facts.catalog()) else { return Vec::new() };
    if !schema.relation_mode_prisma() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for model in schema.models.iter().filter(|model| !model.ignored && !model.view) {
        let namespace = model.namespace.as_deref().unwrap_or("public");
        let name = pgsteward_model::catalog::QName::new(namespace, model.db_name.clone());
        let Some(table) = catalog.table(&name) else { continue };
        let mut reported: Vec<Vec<String>> = Vec::new();
        for field in &model.fields {
            let Some(relation) = field.relation.as_ref().filter(|relation| !relation.fields.is_empty())
            else {
                continue;
            };
            let Some(columns) = columns_of(model, relation) else { continue };
            let known = columns.iter().all(|column| table.column(column).is_some());
            // A real foreign key that a migration made by hand is the other rule's.
            let constrained = table.foreign_keys().any(|(_, key)| key.columns == columns);
            if !known || constrained || index::covered(table, &columns) || reported.contains(&columns) {
                continue;
            }
            findings.push(finding(facts, table, model, field, &columns));
            reported.push(columns);
        }
    }
    findings
}

fn columns_of(model: &Model, relation: &Relation) -> Option<Vec<String>> {
    relation.fields.iter().map(|name| Some(model.field(name)?.db_name.clone())).collect()
}

fn finding(facts: &Facts, table: &Table, model: &Model, field: &Field, columns: &[String]) -> Finding {
    let list = shared::quoted_list(columns);
    let object = match columns {
        [column] => table.column_object(column),
        _ => table.object(),
    };
    let place = Place::object(object.clone()).with_file(Some(shared::range(facts, &field.at)));
    let (steps, rollback) = shared::add_index(facts, table, columns);
    let mut finding = Finding::on_object(
        &RULE,
        place,
        format!("relation \"{}.{}\" has no index on {list}", model.name, field.name),
    )
    .detail(
        "With relationMode = \"prisma\" the client itself looks for the rows that refer to a deleted or changed row, and \
         each look reads the whole table without an index; so does each query from a parent to its children.",
    )
    .hint(format!("add an index whose leading columns are {list}"))
    .fix(Fix {
        title: format!("add an index on \"{}\" ({})", table.name.display(), columns.join(", ")),
        safety: Safety::Review,
        change: Change { steps, rollback },
    });
    // Several relations may share a table; the columns tell them apart.
    finding.identity = format!("{}/relation/{}", object.identity(), columns.join(","));
    if let Some(rows) = index::rows(table) {
        finding = finding.evidence(Evidence::Rows { relation: table.name.display(), rows });
    }
    finding
}
