//! A client's pool that is larger than what the server has.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::project::{ConfiguredUrl, UrlOrigin};
use pgsteward_model::rule::{Group, Rule};

use super::shared::{self, Pooler};

pub(super) static RULE: Rule = Rule {
    id: "connection-limit-over-server",
    group: Group::Config,
    severity: Severity::Warning,
    needs: &[Need::Project, Need::Cluster],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("connection_limit_over_server.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let number = |name: &str| shared::setting(facts, name).and_then(|value| value.parse::<u64>().ok());
    let Some(max) = number("max_connections") else { return Vec::new() };
    let reserved =
        number("superuser_reserved_connections").unwrap_or(3) + number("reserved_connections").unwrap_or(0);
    let available = max.saturating_sub(reserved);
    let reviewed = facts.project.urls.iter().find(|url| url.origin == UrlOrigin::CommandLine);
    let mut findings = Vec::new();
    for url in &facts.project.urls {
        let ours = !matches!(url.origin, UrlOrigin::CommandLine | UrlOrigin::ExampleEnvironment)
            && reviewed.is_none_or(|reviewed| same_server(reviewed, url));
        let limit = url.parameter("connection_limit").and_then(|limit| limit.parse::<u64>().ok());
        let (true, None, Some(limit)) = (ours, Pooler::of(url), limit) else { continue };
        if limit.saturating_mul(2) <= available {
            continue;
        }
        let Some(place) = shared::place(facts, url) else { continue };
        let (severity, what) = if limit >= available {
            (
                Severity::Warning,
                "one process may take them all, and the next is refused with \"too many clients already\"",
            )
        } else {
            (Severity::Info, "two processes, as in every rolling deploy, want more than there are")
        };
        findings.push(
            Finding::in_file(
                &RULE,
                place,
                &url.name,
                format!("connection_limit of \"{}\" is {limit}, and the server has {available} connections", url.name),
            )
            .severity(severity)
            .detail(format!(
                "max_connections is {max} and {reserved} of them are reserved. Each process of the application has a pool \
                 of its own: {what}."
            ))
            .hint("divide the server's connections by the greatest number of processes, or put a pooler between")
            .evidence(Evidence::Setting { name: "max_connections".into(), value: max.to_string() })
            .evidence(Evidence::Setting { name: "connection_limit".into(), value: limit.to_string() }),
        );
    }
    findings
}

fn same_server(reviewed: &ConfiguredUrl, url: &ConfiguredUrl) -> bool {
    let address = |url: &ConfiguredUrl| {
        (url.host.clone().unwrap_or_else(|| "localhost".into()), url.port.unwrap_or(5432))
    };
    address(reviewed) == address(url)
}
