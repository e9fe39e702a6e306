//! A server that lacks fixes which are out for its major version.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::place::Place;
use pgsteward_model::rule::{Group, Rule};

use super::versions;

pub(super) static RULE: Rule = Rule {
    id: "minor-release-behind",
    group: Group::Config,
    severity: Severity::Warning,
    needs: &[Need::Cluster],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("minor_release_behind.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(cluster) = &facts.cluster else { return Vec::new() };
    let version = cluster.version;
    let Some(known) = versions::of(version.major()).filter(|known| version.minor() < known.minor) else {
        return Vec::new();
    };
    let newest = format!("{}.{}", known.major, known.minor);
    vec![
        Finding::on_object(
            &RULE,
            Place::setting("server_version"),
            format!("the server runs {version}, and {newest} is out"),
        )
        .detail(format!(
            "Minor releases hold fixes only, for holes, corruption and crashes, and need no dump and no change of the \
             application. {newest} is the newest of {} that was known on {}.",
            known.major,
            versions::AS_OF
        ))
        .hint(format!(
            "install {newest} or newer and restart the server, after reading the release notes of each release between"
        ))
        .evidence(Evidence::Setting { name: "server_version".into(), value: version.to_string() }),
    ]
}
