//! An index or a foreign key of a partitioned table: neither `CONCURRENTLY` nor `NOT VALID` works on the parent.

use pgsteward_model::catalog::{ConstraintKind, TableKind};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{AlterAction, CreateIndex, Statement};

use super::shared::{self, Cost, Hit};

pub(super) static RULE: Rule = Rule {
    id: "partitioned-parent-locked",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &["squawk:require-concurrent-index-creation", "pg-schema-diff:INDEX_BUILD"],
    page: include_str!("partitioned_parent_locked.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, statement) in shared::statements(facts) {
        match &statement.statement {
            Statement::CreateIndex(create) if !create.only => {
                let hit = Hit::on(facts, file, statement, &create.table).filter(is_partitioned);
                findings.extend(hit.map(|hit| index(hit, create)));
            }
            Statement::AlterTable(alter) => {
                let Some(hit) = Hit::on(facts, file, statement, &alter.name).filter(is_partitioned) else {
                    continue;
                };
                for action in &alter.actions {
                    let AlterAction::AddConstraint { constraint, .. } = action else { continue };
                    if matches!(constraint.kind, ConstraintKind::ForeignKey(_)) {
                        findings.push(foreign_key(hit, &constraint.name));
                    }
                }
            }
            _ => {}
        }
    }
    findings
}

fn is_partitioned(hit: &Hit<'_>) -> bool {
    hit.before().is_some_and(|table| table.kind == TableKind::Partitioned)
}

fn index(hit: Hit<'_>, create: &CreateIndex) -> Finding {
    let (name, table) = (&create.index.name, hit.table());
    let object = hit.part(ObjectKind::Index, name);
    let hint = format!(
        "create the index ON ONLY \"{table}\", build one on each partition with CREATE INDEX CONCURRENTLY in migrations of \
         their own, then ALTER INDEX … ATTACH PARTITION each"
    );
    if create.concurrently {
        let detail = "PostgreSQL builds indexes of partitioned tables concurrently in no version so far.";
        return hit
            .finding(
                &RULE,
                Cost::Work,
                object,
                format!("index \"{name}\" cannot be built concurrently, because \"{table}\" is partitioned"),
                detail,
            )
            .severity(Severity::Error)
            .hint(hint);
    }
    hit.finding(
        &RULE,
        Cost::Work,
        object,
        format!("building index \"{name}\" stops every write to \"{table}\" and all of its partitions"),
        "The partitions are locked against writers one after the other, and all locks are kept until the last index is \
         built.",
    )
    .hint(hint)
}

fn foreign_key(hit: Hit<'_>, name: &str) -> Finding {
    let table = hit.table();
    hit.finding(
        &RULE,
        Cost::Work,
        hit.part(ObjectKind::ForeignKey, name),
        format!("adding foreign key \"{name}\" stops writes to \"{table}\" and its partitions while every row is checked"),
        "A foreign key of a partitioned table cannot be added as NOT VALID before PostgreSQL 18.",
    )
    .hint(format!(
        "add the foreign key to each partition as NOT VALID and VALIDATE it there, then add it to \"{table}\": PostgreSQL \
         takes the partitions' keys over without a scan"
    ))
}
