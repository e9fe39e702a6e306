//! A second foreign key over the same columns to the same key.

use pgsteward_model::catalog::{Constraint, ForeignKey, Table};
use pgsteward_model::change::{Change, Fix, Rollback, Safety, Step};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::place::{ObjectKind, Place};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_sql::{quote_ident, quote_name};

use super::shared;
use crate::shared::{default_index_name, fields_of, foreign_key_place, model_of, quoted_list};

pub(super) static RULE: Rule = Rule {
    id: "duplicate-foreign-key",
    group: Group::Schema,
    severity: Severity::Warning,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &["pg-index-health:duplicated_foreign_keys"],
    page: include_str!("duplicate_foreign_key.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for table in shared::tables(facts) {
        let mut keys: Vec<(&Constraint, &ForeignKey)> = table.foreign_keys().collect();
        // The one to keep comes first: the validated one, then the one with the name that Prisma expects.
        keys.sort_by_key(|(constraint, key)| {
            (!constraint.validated, !is_expected(facts, table, constraint, key), constraint.name.clone())
        });
        for (at, (constraint, key)) in keys.iter().enumerate() {
            let kept = keys[..at].iter().find(|(_, other)| pairs(other) == pairs(key));
            if let Some((kept, kept_key)) = kept {
                findings.push(finding(facts, table, (constraint, key), (kept, kept_key)));
            }
        }
    }
    findings
}

/// Referenced table and pairs of columns, in an order of their own.
fn pairs(key: &ForeignKey) -> (&pgsteward_model::catalog::QName, Vec<(&str, &str)>) {
    let mut pairs: Vec<(&str, &str)> = key
        .columns
        .iter()
        .map(String::as_str)
        .zip(key.referenced_columns.iter().map(String::as_str))
        .collect();
    pairs.sort_unstable();
    (&key.references, pairs)
}

/// The name is the one that the model's relation gives, or Prisma's and PostgreSQL's default.
fn is_expected(facts: &Facts, table: &Table, constraint: &Constraint, key: &ForeignKey) -> bool {
    let mapped = relation_maps(facts, table, key).into_iter().flatten().any(|map| map == constraint.name);
    mapped || constraint.name == default_index_name(&table.name.name, &key.columns, "_fkey")
}

/// `map` of each relation of the model over the key's columns.
fn relation_maps(facts: &Facts, table: &Table, key: &ForeignKey) -> Vec<Option<String>> {
    let Some(model) = model_of(facts, &table.name) else { return Vec::new() };
    let Some(fields) = fields_of(model, &key.columns) else { return Vec::new() };
    let relations = model.fields.iter().filter_map(|field| field.relation.as_ref());
    relations.filter(|relation| relation.fields == fields).map(|relation| relation.map.clone()).collect()
}

fn finding(
    facts: &Facts,
    table: &Table,
    (constraint, key): (&Constraint, &ForeignKey),
    (kept, kept_key): (&Constraint, &ForeignKey),
) -> Finding {
    let same_actions = key.on_delete == kept_key.on_delete
        && key.on_update == kept_key.on_update
        && key.match_full == kept_key.match_full
        && constraint.deferrable == kept.deferrable
        && constraint.initially_deferred == kept.initially_deferred;
    let definition = shared::definition(constraint).unwrap_or_default();
    let found = Finding::on_object(
        &RULE,
        foreign_key_place(facts, table, constraint, &key.columns),
        format!(
            "foreign key \"{}\" of \"{}\" repeats \"{}\"",
            constraint.name,
            table.name.display(),
            kept.name
        ),
    )
    .also(Place::object(table.part(ObjectKind::ForeignKey, &kept.name)))
    .evidence(Evidence::Sql { sql: definition.clone() });
    let columns = quoted_list(&key.columns);
    if !same_actions {
        return found
            .detail(format!(
                "Both check {columns} against \"{}\", with different actions: ON DELETE {} here, ON DELETE {} there. Which \
                 one wins depends on the order of their triggers.",
                key.references.display(),
                key.on_delete.sql(),
                kept_key.on_delete.sql()
            ))
            .hint("decide which action is meant and drop the other constraint");
    }
    let found = found
        .detail(format!(
            "Both check {columns} against \"{}\" with the same actions: each insert, update and delete pays twice.",
            key.references.display()
        ))
        .hint("drop one of the two");
    // Two relations of a model make two constraints; only the schema can say which one goes.
    if relation_maps(facts, table, key).len() > 1 {
        return found.hint("merge the two relations of the model into one");
    }
    let relation = quote_name(&table.name);
    let name = quote_ident(&constraint.name);
    let mut rollback =
        vec![Step::sql(format!("ALTER TABLE {relation} ADD CONSTRAINT {name} {definition} NOT VALID"))];
    if constraint.validated {
        rollback.push(Step::sql(format!("ALTER TABLE {relation} VALIDATE CONSTRAINT {name}")));
    }
    rollback.extend(shared::comment_again(table, constraint));
    if table.partitioning.is_some() {
        // NOT VALID is refused on partitioned tables before PostgreSQL 18.
        rollback = vec![Step::sql(format!("ALTER TABLE {relation} ADD CONSTRAINT {name} {definition}"))];
    }
    found.fix(Fix {
        title: format!("drop \"{}\", which repeats \"{}\"", constraint.name, kept.name),
        safety: Safety::Review,
        change: Change {
            steps: vec![Step::sql(format!("ALTER TABLE {relation} DROP CONSTRAINT {name}"))],
            rollback: Rollback::Steps(rollback),
        },
    })
}
