//! A migration that a server refuses when the history runs on an empty database.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::Evidence;
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::{MigrationFile, ReplayFailure};
use pgsteward_model::place::Place;
use pgsteward_model::rule::{Group, Rule};

use super::{
    column_assigned_twice, concurrently_in_transaction, enum_value_removed, new_enum_value_used,
    not_null_over_nulls, required_column_without_default, sql_syntax_error, unique_over_existing_rows,
};

pub(super) static RULE: Rule = Rule {
    id: "migration-fails",
    group: Group::Migration,
    severity: Severity::Error,
    needs: &[Need::History, Need::Replay],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("migration_fails.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(history) = &facts.history else { return Vec::new() };
    let Some(replay) = &history.replay else { return Vec::new() };
    let mut findings = Vec::new();
    let mut first: Option<&str> = None;
    for file in &history.files {
        let Some(failure) = replay.failures.get(&file.name) else { continue };
        if sql_syntax_error::refused(history, file).is_none() && !is_foreseen(facts, file, failure) {
            findings.push(failed(facts, file, failure, first));
        }
        first = first.or(Some(&file.name));
    }
    findings
}

/// Rules that foresee a failure, with the error that they foresee. Their findings carry the server's answer.
static EXACT: &[(&str, &Rule)] = &[
    ("25001", &concurrently_in_transaction::RULE),
    ("55P04", &new_enum_value_used::RULE),
    ("42601", &column_assigned_twice::RULE),
    ("42701", &column_assigned_twice::RULE),
    ("23502", &required_column_without_default::RULE),
    ("23502", &not_null_over_nulls::RULE),
    ("23505", &unique_over_existing_rows::RULE),
    ("22P02", &enum_value_removed::RULE),
];

/// One of them has a finding on the statement that failed.
fn is_foreseen(facts: &Facts, file: &MigrationFile, failure: &ReplayFailure) -> bool {
    let answer = Evidence::ServerError(failure.error.clone());
    let exact = EXACT.iter().filter(|(sqlstate, _)| file.judged && *sqlstate == failure.error.sqlstate);
    exact.flat_map(|(_, rule)| (rule.check)(facts)).any(|finding| {
        let here = finding.at.file.as_ref().is_some_and(|range| range.file == file.path);
        here && finding.evidence.contains(&answer)
    })
}

fn failed(facts: &Facts, file: &MigrationFile, failure: &ReplayFailure, earlier: Option<&str>) -> Finding {
    let error = &failure.error;
    let mut detail = format!("The server answers with error {}.", error.sqlstate);
    if let Some(said) = &error.detail {
        detail += &format!(" {}", sentence(said));
    }
    detail += if file.judged {
        " The runner records a failed migration, and no other is applied until it is resolved."
    } else {
        " The migration may be applied where it was run, but it cannot build a new database: a developer's, a preview's, or \
         the one that is restored without a backup."
    };
    if let Some(earlier) = earlier {
        detail += &format!(" Migration \"{earlier}\" fails before it, so this may be a consequence.");
    }
    let hint = match (&error.hint, file.judged) {
        (Some(said), _) => said.trim_end_matches('.').to_owned(),
        (None, true) => "correct the migration: run it on a copy of the database first".to_owned(),
        (None, false) => {
            "write a migration that runs, or squash the history into one that builds the present schema"
                .to_owned()
        }
    };
    let holds = |at: usize| {
        file.statements.iter().find(|statement| statement.span.start <= at && at <= statement.span.end)
    };
    let fingerprint = holds(failure.span.start).map_or("", |statement| statement.fingerprint.as_str());
    Finding::on_statement(
        &RULE,
        &file.name,
        fingerprint,
        Place::file(facts.sources.range(&file.path, failure.span)),
        format!("migration \"{}\" fails: {}", file.name, error.message.trim_end_matches('.')),
    )
    .detail(detail)
    .hint(hint)
    .evidence(Evidence::ServerError(error.clone()))
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}
