//! `REINDEX` that locks while it builds.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{ReindexTarget, Statement};

use super::rewrite::{Folder, Rewrite};
use super::shared::{self, Cost, Hit};
use super::{text, undo};

pub(super) static RULE: Rule = Rule {
    id: "reindex-not-concurrent",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &["squawk:require-concurrent-reindex"],
    page: include_str!("reindex_not_concurrent.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, statement) in shared::statements(facts) {
        let Statement::Reindex { target, name, concurrently: false } = &statement.statement else { continue };
        let mut hits =
            statement.effect.touches.iter().filter_map(|touch| Hit::new(facts, file, statement, touch));
        let Some(hit) = hits.next() else { continue };
        let keyword = match target {
            ReindexTarget::Index => "INDEX",
            ReindexTarget::Table => "TABLE",
            ReindexTarget::Schema => "SCHEMA",
            ReindexTarget::Database => "DATABASE",
            ReindexTarget::System => "SYSTEM",
        };
        let what = name.as_ref().map_or_else(String::new, |name| format!(" \"{}\"", name.name));
        let table = hit.table();
        let mut finding = hit
            .finding(
                &RULE,
                Cost::Work,
                hit.table_object(),
                format!(
                    "REINDEX {keyword}{what} stops every write to \"{table}\", and every query that would use its indexes"
                ),
                &format!(
                    "REINDEX locks \"{table}\" against writers and each index against readers (ACCESS EXCLUSIVE) while \
                     it builds the index anew."
                ),
            )
            .hint(format!("use REINDEX {keyword} CONCURRENTLY, alone in a migration of its own"));
        // System catalogs cannot be reindexed concurrently.
        if *target != ReindexTarget::System
            && let Some(rewrite) = Rewrite::of(facts, file, statement, &[])
            && let Some(concurrent) = text::insert_after(rewrite.text(), keyword, "CONCURRENTLY")
        {
            let folder = format!("reindex_{}", name.as_ref().map_or("all", |name| name.name.as_str()));
            let title = format!("reindex{what} concurrently in a migration of its own");
            finding = finding.fix(rewrite.fix(
                title,
                None,
                vec![Folder::new(&folder, [concurrent])],
                undo::nothing(),
            ));
        }
        findings.push(finding);
    }
    findings
}
