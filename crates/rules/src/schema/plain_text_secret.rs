//! A password or token that is stored as it is.

use pgsteward_model::catalog::Column;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::shared;
use crate::secrets::{self, Secret};

pub(super) static RULE: Rule = Rule {
    id: "plain-text-secret",
    group: Group::Schema,
    severity: Severity::Warning,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("plain_text_secret.md"),
    check,
};

/// The shortest common password hash in text form is bcrypt's, 60 characters.
const SHORTEST_HASH: i32 = 60;

fn check(facts: &Facts) -> Vec<Finding> {
    shared::columns(facts)
        .filter(|(_, column)| shared::is_text(column))
        .filter_map(|(table, column)| {
            let secret = secrets::in_plain_text(&column.name)?;
            let name = shared::column_name(table, column);
            let (severity, message, detail, hint) = judge(secret, column, &name);
            Some(
                shared::on_column(&RULE, facts, table, column, message)
                    .severity(severity)
                    .detail(detail)
                    .hint(hint)
                    .evidence(Evidence::Sql { sql: format!("{} {}", column.name, column.ty) }),
            )
        })
        .collect()
}

fn judge(secret: Secret, column: &Column, name: &str) -> (Severity, String, &'static str, &'static str) {
    let too_short = column.ty.modifiers.first().is_some_and(|length| *length < SHORTEST_HASH);
    match secret {
        Secret::Password if too_short => (
            Severity::Error,
            format!("\"{name}\" is too short for a password hash"),
            "No common password hash fits (bcrypt has 60 characters, argon2id about 97), so the passwords themselves are in \
             the table, in its backups and in each replica.",
            "store an argon2id or bcrypt hash in a text column named for it, and replace the passwords that are there",
        ),
        Secret::Password => (
            Severity::Info,
            format!("\"{name}\" does not say that it holds a hash"),
            "If it holds passwords, each dump, replica and SQL injection gives them away. If it holds hashes, nothing in the \
             schema says so, and the next developer may compare or log it as text.",
            "hash before writing and call the column passwordHash (with @map the database may keep the old name)",
        ),
        Secret::Credential => (
            Severity::Warning,
            format!("\"{name}\" looks like a credential in plain text"),
            "Whoever reads the table, a dump or a replica can act in its owner's name for as long as the credential lives.",
            "store a SHA-256 hash where it is only compared, and encrypt it in the application where it must be used again",
        ),
        Secret::Token => (
            Severity::Info,
            format!("\"{name}\" looks like a token in plain text"),
            "Whoever reads the table can use each token that has not expired: accept an invitation, reset a password, \
             take a session.",
            "store its SHA-256 hash and look it up by that: a random token needs no slow hash",
        ),
    }
}
