//! Tables that refer to each other so that no first row can be inserted.

use std::collections::{BTreeMap, BTreeSet};

use pgsteward_model::catalog::{Catalog, Constraint, ForeignKey, QName, Table};
use pgsteward_model::change::{Change, Fix, Rollback, Safety, Step};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_sql::{quote_ident, quote_name};

use super::shared;
use crate::shared::{foreign_key_place, quoted_list};

pub(super) static RULE: Rule = Rule {
    id: "circular-foreign-keys",
    group: Group::Schema,
    severity: Severity::Warning,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &["schemacrawler:LinterTableCycles"],
    page: include_str!("circular_foreign_keys.md"),
    check,
};

type Edge<'a> = (&'a Table, &'a Constraint, &'a ForeignKey);

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(catalog) = facts.catalog() else { return Vec::new() };
    let edges = hard_edges(facts);
    let reach = reachable(&edges);
    let mut done: BTreeSet<&QName> = BTreeSet::new();
    let mut findings = Vec::new();
    for (name, targets) in &reach {
        if !targets.contains(name) || done.contains(name) {
            continue;
        }
        // All tables that reach each other are one circle.
        let circle: BTreeSet<&QName> = targets
            .iter()
            .copied()
            .filter(|other| reach.get(*other).is_some_and(|back| back.contains(name)))
            .collect();
        done.extend(&circle);
        let inside: Vec<&Edge<'_>> = edges
            .iter()
            .filter(|(table, _, key)| circle.contains(&table.name) && circle.contains(&key.references))
            .collect();
        findings.extend(finding(facts, catalog, &circle, &inside));
    }
    findings
}

/// Foreign keys that must hold in each statement: of columns that are never NULL, and not deferrable. A
/// table's key to itself is left out, because a first row can refer to itself.
fn hard_edges(facts: &Facts) -> Vec<Edge<'_>> {
    shared::tables(facts)
        .flat_map(|table| table.foreign_keys().map(move |(constraint, key)| (table, constraint, key)))
        .filter(|(table, constraint, key)| {
            let always =
                key.columns.iter().all(|name| table.column(name).is_some_and(|column| column.not_null));
            always && !constraint.deferrable && key.references != table.name
        })
        .collect()
}

/// What each table reaches over one or more edges.
fn reachable<'a>(edges: &[Edge<'a>]) -> BTreeMap<&'a QName, BTreeSet<&'a QName>> {
    let mut next: BTreeMap<&QName, BTreeSet<&QName>> = BTreeMap::new();
    for (table, _, key) in edges {
        next.entry(&table.name).or_default().insert(&key.references);
    }
    next.keys()
        .map(|start| {
            let mut seen: BTreeSet<&QName> = BTreeSet::new();
            let mut open: Vec<&QName> = vec![start];
            while let Some(name) = open.pop() {
                for target in next.get(name).into_iter().flatten() {
                    if seen.insert(target) {
                        open.push(target);
                    }
                }
            }
            (*start, seen)
        })
        .collect()
}

fn finding(
    facts: &Facts,
    catalog: &Catalog,
    circle: &BTreeSet<&QName>,
    inside: &[&Edge<'_>],
) -> Option<Finding> {
    let (table, constraint, key) =
        inside.iter().min_by_key(|(table, constraint, _)| (&table.name, &constraint.name))?;
    let names: Vec<String> = circle.iter().map(|name| name.display()).collect();
    let keys: Vec<&str> = inside.iter().map(|(_, constraint, _)| constraint.name.as_str()).collect();
    let mut found = Finding::on_object(
        &RULE,
        foreign_key_place(facts, table, constraint, &key.columns),
        format!("{} need each other's rows first", quoted_list(&names)),
    )
    .detail(format!(
        "{} go round in a circle, none of their columns may be NULL, and none can be deferred: whichever table comes \
         first, its INSERT fails.",
        quoted_list(&keys)
    ))
    .hint("make one of the columns nullable and fill it afterwards, or make one constraint DEFERRABLE");
    for (table, constraint, key) in inside.iter().skip(1) {
        found = found.also(foreign_key_place(facts, table, constraint, &key.columns));
    }
    // ALTER CONSTRAINT on a partitioned table or its partner reaches constraints of the partitions as well.
    let partitioned = |name: &QName| catalog.table(name).is_none_or(|table| table.partitioning.is_some());
    // One deferrable key opens the circle only where it is the one way round.
    let opens = circle.len() == inside.len();
    if !opens || circle.iter().any(|name| partitioned(name)) {
        return Some(found);
    }
    let alter = |properties: &str| {
        Step::sql(format!(
            "ALTER TABLE {} ALTER CONSTRAINT {} {properties}",
            quote_name(&table.name),
            quote_ident(&constraint.name)
        ))
    };
    Some(found.fix(Fix {
        title: format!("check \"{}\" at commit", constraint.name),
        safety: Safety::Review,
        change: Change {
            steps: vec![alter("DEFERRABLE INITIALLY DEFERRED")],
            rollback: Rollback::Steps(vec![alter("NOT DEFERRABLE INITIALLY IMMEDIATE")]),
        },
    }))
}
