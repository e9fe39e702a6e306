//! A connection to another host that may go unencrypted.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::project::{ConfiguredUrl, UrlOrigin};
use pgsteward_model::rule::{Group, Rule};

use super::shared;

pub(super) static RULE: Rule = Rule {
    id: "remote-url-without-tls",
    group: Group::Config,
    severity: Severity::Warning,
    needs: &[Need::Project],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("remote_url_without_tls.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    facts.project.urls.iter().filter_map(|url| judge(facts, url)).collect()
}

fn judge(facts: &Facts, url: &ConfiguredUrl) -> Option<Finding> {
    let host = url.host.as_deref()?;
    let written = !matches!(url.origin, UrlOrigin::CommandLine | UrlOrigin::ExampleEnvironment);
    let postgres = matches!(url.scheme.as_str(), "postgresql" | "postgres");
    if !written || !postgres || url.is_local() || shared::is_private(host) || shared::is_example_host(host) {
        return None;
    }
    let strict = url.parameter("sslaccept") == Some("strict");
    let (severity, detail) = match url.parameter("sslmode") {
        Some("disable") => {
            (Severity::Warning, "sslmode=disable sends the password's proof and every row in the clear.")
        }
        Some("allow" | "prefer") => (
            Severity::Warning,
            "With this sslmode the client goes on without encryption when the server, or whoever stands between, says that \
             there is none.",
        ),
        None if !strict => (
            Severity::Warning,
            "Without sslmode the client uses \"prefer\": it goes on without encryption when the server, or whoever stands \
             between, says that there is none.",
        ),
        _ if url.parameter("sslaccept") == Some("accept_invalid_certs") => (
            Severity::Info,
            "sslaccept=accept_invalid_certs encrypts, but to whoever answers: the server's certificate is not checked.",
        ),
        _ => return None,
    };
    let place = shared::place(facts, url)?;
    let message = match severity {
        Severity::Info => format!("\"{}\" does not check the certificate of \"{host}\"", url.name),
        _ => format!("\"{}\" may reach \"{host}\" without encryption", url.name),
    };
    let mode = url.parameter("sslmode").unwrap_or("prefer (default)");
    Some(
        Finding::in_file(&RULE, place, &url.name, message)
            .severity(severity)
            .detail(detail)
            .hint("add sslmode=require to the URL, and with Prisma sslaccept=strict (or sslmode=verify-full) to check the certificate")
            .evidence(Evidence::Setting { name: "sslmode".into(), value: mode.into() }),
    )
}
