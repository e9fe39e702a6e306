//! A Prisma schema that cannot be read.

use crate::shared::range;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::Place;
use pgsteward_model::rule::{Group, Rule};

pub(super) static RULE: Rule = Rule {
    id: "schema-syntax-error",
    group: Group::Schema,
    severity: Severity::Error,
    needs: &[Need::Prisma],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("schema_syntax_error.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(schema) = &facts.prisma else { return Vec::new() };
    let mut findings = Vec::new();
    for error in &schema.errors {
        let place = Place::file(range(facts, &error.at));
        findings.push(
            Finding::in_file(&RULE, place, &error.message, format!("the Prisma schema cannot be read: {}", error.message.trim_end_matches('.')))
                .detail(
                    "Prisma generates no client and writes no migration from it, and what stands in this place is missing from \
                     the review.",
                )
                .hint("correct the schema until `prisma validate` accepts it"),
        );
    }
    findings
}
