//! `CREATE INDEX` that stops writes while it builds.

use pgsteward_model::catalog::{QName, TableKind};
use pgsteward_model::change::{Fix, Step};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{CreateIndex, Statement};
use pgsteward_sql::quote_name;

use super::rewrite::{Folder, Rewrite};
use super::shared::{self, Cost, Hit};
use super::text;

pub(super) static RULE: Rule = Rule {
    id: "index-not-concurrent",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[
        "squawk:require-concurrent-index-creation",
        "strong_migrations:add_index",
        "eugene:E6",
        "pgfence:create-index-not-concurrent",
    ],
    page: include_str!("index_not_concurrent.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, statement) in shared::statements(facts) {
        let Statement::CreateIndex(create) = &statement.statement else { continue };
        let Some(hit) = Hit::on(facts, file, statement, &create.table) else { continue };
        // Nobody writes to a materialized view but REFRESH.
        if facts.catalog().is_some_and(|catalog| catalog.views.contains_key(&hit.touch.relation)) {
            continue;
        }
        // A partitioned table's index cannot be built concurrently: another rule, another way out.
        let partitioned = hit.before().is_some_and(|table| table.kind == TableKind::Partitioned);
        if create.concurrently || create.only || partitioned {
            continue;
        }
        let (name, table) = (&create.index.name, hit.table());
        let mut finding = hit
            .finding(
                &RULE,
                Cost::Work,
                hit.part(ObjectKind::Index, name),
                format!("building index \"{name}\" stops every write to \"{table}\""),
                &format!(
                    "CREATE INDEX holds {} on \"{table}\" for the whole build: INSERT, UPDATE and DELETE wait until \
                     it ends.",
                    hit.touch.lock
                ),
            )
            .hint("build it with CREATE INDEX CONCURRENTLY, alone in a migration of its own");
        if let Some(fix) = split_out(hit, create) {
            finding = finding.fix(fix);
        }
        findings.push(finding);
    }
    findings
}

/// Moves the statement, made concurrent, into a migration of its own right after this one: PostgreSQL refuses
/// `CONCURRENTLY` in a transaction, and a file of several statements is one.
fn split_out(hit: Hit<'_>, create: &CreateIndex) -> Option<Fix> {
    let name = &create.index.name;
    let rewrite = Rewrite::of(hit.facts, hit.file, hit.statement, &[name])?;
    // With IF NOT EXISTS a second try would take the invalid index of a failed one for the wanted one.
    if create.if_not_exists && hit.before()?.index(name).is_some() {
        return None;
    }
    let bare = text::without_if_not_exists(rewrite.text());
    let concurrent = text::insert_after(&bare, "INDEX", "CONCURRENTLY")?;
    let title = format!("build \"{name}\" concurrently in a migration of its own");
    let index = QName::new(hit.touch.relation.namespace.clone(), name.clone());
    let undo = vec![Step::sql_alone(format!("DROP INDEX CONCURRENTLY IF EXISTS {}", quote_name(&index)))];
    Some(rewrite.fix(title, None, vec![Folder::new(name, [concurrent])], Ok(undo)))
}
