//! A password of a database in a file that git keeps.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::place::Place;
use pgsteward_model::prisma::UrlValue;
use pgsteward_model::project::{ConfiguredUrl, UrlOrigin};
use pgsteward_model::rule::{Group, Rule};

use super::shared;
use crate::shared::range;

pub(super) static RULE: Rule = Rule {
    id: "literal-credentials",
    group: Group::Config,
    severity: Severity::Error,
    needs: &[Need::Project],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("literal_credentials.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let kept = |url: &&ConfiguredUrl| {
        matches!(url.origin, UrlOrigin::Schema | UrlOrigin::CommittedEnvironment) && holds_password(url)
    };
    let mut findings: Vec<Finding> =
        facts.project.urls.iter().filter(kept).filter_map(|url| finding(facts, url)).collect();
    findings.extend(unread_literals(facts));
    findings
}

fn holds_password(url: &ConfiguredUrl) -> bool {
    url.password.as_ref().is_some_and(|password| !shared::is_placeholder(password.expose()))
        && !url.host.as_deref().is_some_and(shared::is_example_host)
}

fn finding(facts: &Facts, url: &ConfiguredUrl) -> Option<Finding> {
    let place = shared::place(facts, url)?;
    let host = url.host.as_deref().unwrap_or("localhost");
    let (message, hint) = match url.origin {
        UrlOrigin::Schema => (
            format!("the Prisma schema holds the password of the database on \"{host}\""),
            "write env(\"DATABASE_URL\") in its place, and change the password: it stays in the history of git",
        ),
        _ => (
            format!("\"{}\" of a committed file holds the password of the database on \"{host}\"", url.name),
            "take the file out of git (git rm --cached), let .gitignore name it, and change the password: it stays in the \
             history of git",
        ),
    };
    let finding = Finding::in_file(&RULE, place, &url.name, message)
        .hint(hint)
        .evidence(Evidence::Setting { name: url.name.clone(), value: shared::shown(url) });
    Some(if url.is_local() {
        finding
            .severity(Severity::Info)
            .detail("It is the password of a database on this machine, and whoever copies the file for another keeps the habit.")
    } else {
        finding.detail(
            "Whoever can read the repository, a fork or an old clone of it can read and write the database.",
        )
    })
}

/// A URL in the schema that could not be taken apart may hold a password all the same.
fn unread_literals(facts: &Facts) -> Vec<Finding> {
    let Some(datasource) = facts.prisma.as_ref().and_then(|schema| schema.datasource.as_ref()) else {
        return Vec::new();
    };
    let values = [
        ("url", &datasource.url),
        ("directUrl", &datasource.direct_url),
        ("shadowDatabaseUrl", &datasource.shadow_database_url),
    ];
    let mut findings = Vec::new();
    for (name, value) in values {
        let Some(UrlValue::Literal { text, at }) = value else { continue };
        let read = facts.project.urls.iter().any(|url| {
            url.file.as_ref() == Some(&at.file)
                && url.span.start < at.span.end
                && at.span.start < url.span.end
        });
        if read || !names_a_password(text.expose()) {
            continue;
        }
        let message = format!("\"{name}\" of the datasource holds a password");
        findings.push(
            Finding::in_file(&RULE, Place::file(range(facts, at)), name, message)
                .detail("Whoever can read the repository, a fork or an old clone of it can read and write the database.")
                .hint("write env(\"DATABASE_URL\") in its place, and change the password: it stays in the history of git"),
        );
    }
    findings
}

/// `scheme://user:password@host` on a host that is not this machine.
fn names_a_password(text: &str) -> bool {
    let authority = text.split_once("://").and_then(|(_, rest)| rest.split(['/', '?']).next());
    let Some((user, host)) = authority.and_then(|authority| authority.rsplit_once('@')) else { return false };
    let host = host.split(':').next().unwrap_or("");
    let local = !host.contains('.') || host.starts_with("127.");
    user.split_once(':').is_some_and(|(_, password)| !shared::is_placeholder(password))
        && !local
        && !shared::is_example_host(host)
}

#[cfg(test)]
mod tests {
    use pgsteward_model::prisma::Secret;

    use super::super::shared::tests::url;
    use super::*;

    fn found(url: ConfiguredUrl) -> Vec<Finding> {
        let mut facts = Facts::default();
        facts.project.urls = vec![url];
        check(&facts)
    }

    #[test]
    fn no_part_of_a_finding_shows_the_password() {
        let url = ConfiguredUrl { password: Some(Secret::new("hunter2")), ..url("db.shop.io", None, &[]) };
        let found = found(url);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].severity, Severity::Error);
        assert!(!format!("{found:?}").contains("hunter2"));
    }

    #[test]
    fn ignored_files_examples_and_placeholders_are_silent() {
        let secret = ConfiguredUrl { password: Some(Secret::new("hunter2")), ..url("db.shop.io", None, &[]) };
        for origin in [UrlOrigin::LocalEnvironment, UrlOrigin::ExampleEnvironment, UrlOrigin::CommandLine] {
            assert_eq!(found(ConfiguredUrl { origin, ..secret.clone() }), []);
        }
        assert_eq!(found(ConfiguredUrl { password: Some(Secret::new("${PASSWORD}")), ..secret.clone() }), []);
        assert_eq!(found(ConfiguredUrl { password: None, ..secret }), []);
    }

    #[test]
    fn passwords_in_urls_that_are_no_postgresql_urls() {
        assert!(names_a_password("prisma://user:hunter2@db.shop.io/x"));
        assert!(!names_a_password("postgresql://db.shop.io/x"));
        assert!(!names_a_password("postgresql://user@db.shop.io/x"));
    }
}
