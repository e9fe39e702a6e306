//! A cluster without data checksums.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::place::Place;
use pgsteward_model::rule::{Group, Rule};

use super::shared;

pub(super) static RULE: Rule = Rule {
    id: "data-checksums-off",
    group: Group::Config,
    severity: Severity::Info,
    needs: &[Need::Cluster],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("data_checksums_off.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    if shared::setting(facts, "data_checksums") != Some("off") {
        return Vec::new();
    }
    vec![
        Finding::on_object(
            &RULE,
            Place::setting("data_checksums"),
            "the cluster keeps no checksums of its pages",
        )
        .detail(
            "A page that the disk or the controller changed is not noticed: its rows are wrong, and so are the backups from \
             then on.",
        )
        .hint("stop the server cleanly and run pg_checksums --enable; on a replicated server do the standby first")
        .evidence(Evidence::Setting { name: "data_checksums".into(), value: "off".into() }),
    ]
}
