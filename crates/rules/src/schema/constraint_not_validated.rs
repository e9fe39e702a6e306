//! A constraint that was added `NOT VALID` and never validated.

use pgsteward_model::catalog::{Constraint, ConstraintKind, Table};
use pgsteward_model::change::{Change, Fix, Rollback, Safety, Step};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::place::Place;
use pgsteward_model::rule::{Group, Rule};
use pgsteward_sql::{quote_ident, quote_name};

use super::shared;
use crate::shared::{foreign_key_place, table_place};

pub(super) static RULE: Rule = Rule {
    id: "constraint-not-validated",
    group: Group::Schema,
    severity: Severity::Warning,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &["pg-index-health:not_valid_constraints"],
    page: include_str!("constraint_not_validated.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for table in shared::tables(facts) {
        for constraint in table.constraints.iter().filter(|constraint| !constraint.validated) {
            findings.push(finding(facts, table, constraint));
        }
    }
    findings
}

fn finding(facts: &Facts, table: &Table, constraint: &Constraint) -> Finding {
    let place = match &constraint.kind {
        ConstraintKind::ForeignKey(key) => foreign_key_place(facts, table, constraint, &key.columns),
        _ => Place::object(table.part(shared::constraint_kind(constraint), &constraint.name))
            .with_file(table_place(facts, table).file),
    };
    let found = Finding::on_object(
        &RULE,
        place,
        format!("constraint \"{}\" of \"{}\" was never validated", constraint.name, table.name.display()),
    )
    .detail(
        "It holds for rows written since it was added. Older rows may break it: a foreign key without a parent, a value \
         that the CHECK forbids. The planner does not use it, and a restore of a dump adds it NOT VALID again.",
    )
    .hint("validate it: the scan takes SHARE UPDATE EXCLUSIVE, so reads and writes go on");
    let Some(definition) = shared::definition(constraint) else { return found };
    let relation = quote_name(&table.name);
    let name = quote_ident(&constraint.name);
    let mut rollback = vec![Step::sql(format!(
        "ALTER TABLE {relation} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} {definition} NOT VALID"
    ))];
    rollback.extend(shared::comment_again(table, constraint));
    found.evidence(Evidence::Sql { sql: format!("{definition} NOT VALID") }).fix(Fix {
        title: format!("validate \"{}\"", constraint.name),
        safety: Safety::Review,
        change: Change {
            steps: vec![Step::sql(format!("ALTER TABLE {relation} VALIDATE CONSTRAINT {name}"))],
            rollback: Rollback::Steps(rollback),
        },
    })
}
