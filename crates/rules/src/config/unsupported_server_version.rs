//! A major version of the server that gets no more fixes, or soon none.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::place::Place;
use pgsteward_model::rule::{Group, Rule};

use super::versions;

pub(super) static RULE: Rule = Rule {
    id: "unsupported-server-version",
    group: Group::Config,
    severity: Severity::Warning,
    needs: &[Need::Cluster],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("unsupported_server_version.md"),
    check,
};

/// Planning, testing and doing a major upgrade takes teams about this long.
const SOON_MONTHS: i64 = 12;

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(cluster) = &facts.cluster else { return Vec::new() };
    let version = cluster.version;
    let major = version.major();
    let oldest = versions::MAJORS.first().map_or(0, |known| known.major);
    let (severity, message, detail) = match versions::of(major) {
        None if major < oldest => (
            Severity::Warning,
            format!("version {version} of the server is not supported any more"),
            format!(
                "Its last release was years before {}; holes found since then stay open.",
                versions::AS_OF
            ),
        ),
        None => return Vec::new(),
        Some(known) if known.months_left() <= 0 => (
            Severity::Warning,
            format!("major version {major} of the server is not supported any more"),
            format!(
                "Its last release was that of {}; holes and errors found since then stay open (known as of {}).",
                known.end(),
                versions::AS_OF
            ),
        ),
        Some(known) if known.months_left() <= SOON_MONTHS => (
            Severity::Info,
            format!("major version {major} of the server will not be supported much longer"),
            format!("Its last release is that of {} (known as of {}).", known.end(), versions::AS_OF),
        ),
        Some(_) => return Vec::new(),
    };
    vec![
        Finding::on_object(&RULE, Place::setting("server_version"), message)
            .severity(severity)
            .detail(detail)
            .hint("plan the upgrade to a newer major version, and run the migrations and tests on it first")
            .evidence(Evidence::Setting { name: "server_version".into(), value: version.to_string() }),
    ]
}
