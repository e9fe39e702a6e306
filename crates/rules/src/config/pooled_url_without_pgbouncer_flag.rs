//! A client that prepares statements behind a pooler that does not keep them.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::shared::{self, Pooler};

pub(super) static RULE: Rule = Rule {
    id: "pooled-url-without-pgbouncer-flag",
    group: Group::Config,
    severity: Severity::Warning,
    needs: &[Need::Project, Need::Prisma],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("pooled_url_without_pgbouncer_flag.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for url in shared::client_urls(facts) {
        let severity = match Pooler::of(url) {
            Some(Pooler::Supabase) => Severity::Warning,
            // PgBouncer from 1.21 can keep prepared statements, and the URL does not tell its version.
            Some(Pooler::Port) => Severity::Info,
            // Neon's PgBouncer keeps them.
            Some(Pooler::Neon | Pooler::Flag) | None => continue,
        };
        let Some(place) = shared::place(facts, url) else { continue };
        let host = url.host.as_deref().unwrap_or("");
        findings.push(
            Finding::in_file(
                &RULE,
                place,
                &url.name,
                format!("\"{}\" prepares statements behind the pooler on \"{host}\"", url.name),
            )
            .severity(severity)
            .detail(
                "Prisma Client up to version 6 names the statements it prepares. In transaction mode the next query may get \
                 another connection: it fails with 'prepared statement \"s0\" already exists' or 'does not exist'.",
            )
            .hint(
                "add pgbouncer=true to the URL; leave it out only behind PgBouncer 1.21 or newer with \
                 max_prepared_statements above 0",
            )
            .evidence(Evidence::Setting { name: url.name.clone(), value: shared::shown(url) }),
        );
    }
    findings
}
