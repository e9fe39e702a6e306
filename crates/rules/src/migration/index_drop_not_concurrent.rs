//! `DROP INDEX` that locks the table against readers.

use pgsteward_model::catalog::TableKind;
use pgsteward_model::change::{Fix, Step};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::Statement;
use pgsteward_sql::ddl;

use super::rewrite::{Folder, Rewrite};
use super::shared::{self, Cost, Hit};
use super::text;
use crate::readers;
use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "index-drop-not-concurrent",
    group: Group::Migration,
    severity: Severity::Info,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics, Need::Code],
    since: "0.1.0",
    ancestors: &[
        "squawk:require-concurrent-index-deletion",
        "strong_migrations:remove_index",
        "pgfence:drop-index-not-concurrent",
    ],
    page: include_str!("index_drop_not_concurrent.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, statement) in shared::statements(facts) {
        let Statement::Drop { kind: ObjectKind::Index, names, concurrently: false, cascade, .. } =
            &statement.statement
        else {
            continue;
        };
        let indexes: Vec<&str> = names.iter().map(|name| name.name.as_str()).collect();
        let owns = |hit: &Hit<'_>| {
            hit.before().is_none_or(|table| indexes.iter().any(|index| table.index(index).is_some()))
        };
        let mut hits =
            statement.effect.touches.iter().filter_map(|touch| Hit::new(facts, file, statement, touch));
        let (Some(hit), Some(first)) = (hits.find(owns), indexes.first()) else { continue };
        let table = hit.table();
        let (noun, list) = (if indexes.len() == 1 { "index" } else { "indexes" }, quoted_list(&indexes));
        let mut finding = hit
            .finding(
                &RULE,
                Cost::Instant,
                hit.part(ObjectKind::Index, first),
                format!("dropping {noun} {list} locks \"{table}\" against readers and writers"),
                &format!(
                    "DROP INDEX takes {} on \"{table}\". It is short, but it waits for every running query on the \
                     table, and all new ones wait behind it.",
                    hit.touch.lock
                ),
            )
            .hint("drop it with DROP INDEX CONCURRENTLY, alone in a migration of its own");
        // Whoever used it reads the whole table from now on.
        let lost = hit.before().and_then(|table| readers::of_index(facts, table, first));
        if let Some(readers) = lost.filter(readers::Readers::any) {
            finding = readers
                .tell(finding, "No other index begins with its first column, by which rows are looked for");
            finding.severity = Severity::Warning;
        }
        // CONCURRENTLY takes one index and no CASCADE.
        if indexes.len() == 1
            && !cascade
            && let Some(fix) = split_out(hit, first)
        {
            finding = finding.fix(fix);
        }
        findings.push(finding);
    }
    findings
}

fn split_out(hit: Hit<'_>, name: &str) -> Option<Fix> {
    let rewrite = Rewrite::of(hit.facts, hit.file, hit.statement, &[name])?;
    let concurrent = text::insert_after(rewrite.text(), "INDEX", "CONCURRENTLY")?;
    let before = hit.before()?;
    let index = before.index(name)?;
    // A partitioned table's index goes with those of its partitions, and CONCURRENTLY is refused.
    if before.kind == TableKind::Partitioned {
        return None;
    }
    let undo = vec![Step::sql_alone(ddl::index(&before.name, index, true))];
    let title = format!("drop \"{name}\" concurrently in a migration of its own");
    Some(rewrite.fix(title, None, vec![Folder::new(&format!("drop_{name}"), [concurrent])], Ok(undo)))
}
