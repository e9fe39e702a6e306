//! An index build whose failure stays unseen: `IF NOT EXISTS` takes the invalid index of a failed try for the wanted
//! one. And the releases in which a concurrent build could make a corrupt index.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::Statement;
use pgsteward_model::version::ServerVersion;

use super::shared::{self, Cost, Hit};

pub(super) static RULE: Rule = Rule {
    id: "concurrent-index-left-invalid",
    group: Group::Migration,
    severity: Severity::Info,
    needs: &[Need::History],
    sharper_with: &[Need::Cluster, Need::Statistics],
    since: "0.1.0",
    ancestors: &["strong_migrations:add_index_corruption", "pg-index-health:invalid_indexes"],
    page: include_str!("concurrent_index_left_invalid.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let corrupting =
        facts.cluster.as_ref().map(|cluster| cluster.version).filter(|version| corrupts(*version));
    let mut findings = Vec::new();
    for (file, statement) in shared::statements(facts) {
        match &statement.statement {
            Statement::CreateIndex(create) if create.concurrently => {
                let Some(hit) = Hit::on(facts, file, statement, &create.table) else { continue };
                let name = &create.index.name;
                if let Some(version) = corrupting {
                    findings.push(corruption(
                        hit,
                        version,
                        hit.part(ObjectKind::Index, name),
                        &format!("\"{name}\""),
                    ));
                }
                if !create.if_not_exists {
                    continue;
                }
                findings.push(
                    hit.finding(
                        &RULE,
                        Cost::Instant,
                        hit.part(ObjectKind::Index, name),
                        format!("a second try after a failed build of \"{name}\" keeps the invalid index"),
                        "A concurrent build that is cancelled, runs into a deadlock or finds duplicates leaves an invalid \
                         index: it costs each write and serves no query. IF NOT EXISTS finds it under the name and builds \
                         nothing, and the migration counts as applied.",
                    )
                    .hint(format!(
                        "leave out IF NOT EXISTS, or put DROP INDEX CONCURRENTLY IF EXISTS \"{name}\" into a migration right \
                         before"
                    )),
                );
            }
            Statement::Reindex { concurrently: true, name, .. } => {
                let Some(version) = corrupting else { continue };
                let mut hits = statement
                    .effect
                    .touches
                    .iter()
                    .filter_map(|touch| Hit::new(facts, file, statement, touch));
                let Some(hit) = hits.next() else { continue };
                let what = name.as_ref().map_or("indexes".to_owned(), |name| format!("\"{}\"", name.name));
                findings.push(corruption(hit, version, hit.table_object(), &what));
            }
            _ => {}
        }
    }
    findings
}

/// Releases 14.0 to 14.3. Source: release notes of PostgreSQL 14.4, "Prevent possible corruption of indexes created or
/// rebuilt with the CONCURRENTLY option".
fn corrupts(version: ServerVersion) -> bool {
    version.major() == 14 && version.minor() < 4
}

fn corruption(
    hit: Hit<'_>,
    version: ServerVersion,
    object: pgsteward_model::place::ObjectRef,
    what: &str,
) -> Finding {
    hit.finding(
        &RULE,
        Cost::Work,
        object,
        format!("building {what} concurrently on PostgreSQL {version} may leave it corrupt"),
        "PostgreSQL 14.0 to 14.3 may miss rows that are updated while CREATE INDEX CONCURRENTLY or REINDEX CONCURRENTLY \
         runs.",
    )
    .severity(Severity::Error)
    .hint("update the server to the latest release of 14 first, and REINDEX what was built concurrently before")
}
