//! A server that lets a session sit in a transaction for ever.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::place::Place;
use pgsteward_model::rule::{Group, Rule};

use super::shared;

pub(super) static RULE: Rule = Rule {
    id: "idle-in-transaction-without-timeout",
    group: Group::Config,
    severity: Severity::Info,
    needs: &[Need::Cluster],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("idle_in_transaction_without_timeout.md"),
    check,
};

const SETTING: &str = "idle_in_transaction_session_timeout";

fn check(facts: &Facts) -> Vec<Finding> {
    // From 17 on transaction_timeout ends such a session as well.
    let limited = shared::setting(facts, "transaction_timeout").is_some_and(|value| value != "0");
    if limited || shared::setting(facts, SETTING) != Some("0") {
        return Vec::new();
    }
    vec![
        Finding::on_object(&RULE, Place::setting(SETTING), "a session may sit in a transaction for ever")
            .detail(
                "A client that hangs inside a transaction keeps its locks, so that the next ALTER TABLE and everything behind \
                 it waits, and it keeps vacuum from removing dead rows.",
            )
            .hint("set it for the application: ALTER ROLE … SET idle_in_transaction_session_timeout = '60s'")
            .evidence(Evidence::Setting { name: SETTING.into(), value: "0".into() }),
    ]
}
