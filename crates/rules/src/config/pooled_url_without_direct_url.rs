//! Migrations that would run through a pooler in transaction mode.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::place::Place;
use pgsteward_model::prisma::UrlValue;
use pgsteward_model::rule::{Group, Rule};

use super::shared::{self, Pooler};
use crate::shared::range;

pub(super) static RULE: Rule = Rule {
    id: "pooled-url-without-direct-url",
    group: Group::Config,
    severity: Severity::Warning,
    needs: &[Need::Project, Need::Prisma],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("pooled_url_without_direct_url.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(datasource) = facts.prisma.as_ref().and_then(|schema| schema.datasource.as_ref()) else {
        return Vec::new();
    };
    let Some(value) = datasource.url.as_ref().filter(|_| datasource.direct_url.is_none()) else {
        return Vec::new();
    };
    let pooled = shared::client_urls(facts).into_iter().find_map(|url| Some((url, Pooler::of(url)?)));
    let Some((url, pooler)) = pooled else { return Vec::new() };
    let (UrlValue::Env { at, .. } | UrlValue::Literal { at, .. }) = value;
    let mut finding = Finding::in_file(
        &RULE,
        Place::file(range(facts, at)),
        "directUrl",
        format!("migrations run through the pooler on \"{}\": the datasource has no directUrl", url.host.as_deref().unwrap_or("")),
    )
    .detail(format!(
        "\"{}\" leads to a pooler ({}). There the advisory lock that keeps two deploys apart may be left on a connection \
         that somebody else gets, SET does not last until the next statement, and prepared statements are lost.",
        url.name,
        pooler.because()
    ))
    .hint("add directUrl = env(\"DIRECT_URL\") to the datasource, with the URL of the server itself")
    .evidence(Evidence::Setting { name: url.name.clone(), value: shared::shown(url) });
    if let Some(place) = shared::place(facts, url) {
        finding = finding.also(place);
    }
    vec![finding]
}
