//! A migration that waits for strong locks without a limit. Said once per review, with all files it holds for.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::shared::{self, Cost, Hit};
use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "lock-without-timeout",
    group: Group::Migration,
    severity: Severity::Info,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics, Need::Cluster],
    since: "0.1.0",
    ancestors: &[
        "squawk:require-lock-timeout",
        "squawk:require-statement-timeout",
        "eugene:E9",
        "postgres-language-server:lockTimeoutWarning",
        "pgfence:missing-lock-timeout",
        "pgfence:missing-statement-timeout",
    ],
    page: include_str!("lock_without_timeout.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(history) = &facts.history else { return findings };
    let set_on_server = facts
        .cluster
        .as_ref()
        .and_then(|cluster| cluster.settings.get("lock_timeout"))
        .is_some_and(|setting| setting.value != "0");
    if set_on_server {
        return findings;
    }
    let mut waits: Vec<(Hit<'_>, Vec<String>)> = Vec::new();
    for file in history.judged() {
        let mut first = None;
        let mut tables: Vec<String> = Vec::new();
        for statement in &file.statements {
            if statement.lock_timeout_ms.is_some_and(|timeout| timeout > 0) {
                continue;
            }
            for touch in statement.effect.touches.iter().filter(|touch| touch.lock.blocks_writes()) {
                let Some(hit) = Hit::new(facts, file, statement, touch) else { continue };
                first.get_or_insert(hit);
                if !tables.contains(&hit.table()) {
                    tables.push(hit.table());
                }
            }
        }
        waits.extend(first.map(|hit| (hit, tables)));
    }
    let Some((hit, tables)) = waits.first() else { return findings };
    let reads = hit.touch.lock.blocks_reads();
    let whom = if reads { "query on the table" } else { "transaction that wrote to the table" };
    let mut detail = format!("{} has to wait for every running {whom} first.", hit.touch.lock);
    if waits.len() > 1 {
        detail += &format!(" The same holds for {} more of the judged migrations.", waits.len() - 1);
    }
    let mut finding = hit
        .finding(
            &RULE,
            Cost::Instant,
            hit.table_object(),
            format!(
                "the migration locks {} against {} without a lock_timeout",
                quoted_list(tables),
                if reads { "readers and writers" } else { "writers" }
            ),
            &detail,
        )
        .hint(
            "set lock_timeout (and statement_timeout) for the role that migrates: ALTER ROLE … SET lock_timeout = '5s', \
             and run the migration again when it runs out",
        );
    for (hit, _) in waits.iter().skip(1) {
        finding = finding.also(shared::place(facts, hit.file, hit.statement, hit.table_object()));
    }
    findings.push(finding);
    findings
}
